// The work that a host does again and again, in one table: Nova's names, and the options that say how often.
import type { HostOptions, ImageCacheOptions } from './host-options.ts'
import { spacing } from './host-options.ts'

/** What there is to do; image cache and console logs only where guests have files. */
export interface HostWorkers {
  reportState(): Promise<void>
  updateResources(): Promise<void>
  cleanUpDeleted(signal: AbortSignal): Promise<void>
  runPendingDeletes(signal: AbortSignal): Promise<void>
  removeLeft(): Promise<void>
  resumeStalled(): Promise<void>
  removeUnusedImages?(maxAge: number): Promise<unknown>
  limitConsoleLogs?(bytes: number): Promise<void>
}

export interface HostWork {
  name: string
  /** The option to set, and what switches the work off; null: nothing does. */
  option: string
  off: string | null
  /** Between two turns; 0 or less: never. */
  seconds: number
  /** Also at the start. */
  immediately: boolean
  run(signal: AbortSignal): unknown
}

export interface HostWorkOptions {
  host: HostOptions
  images: ImageCacheOptions
}

const MIB = 2 ** 20

// biome-ignore format: a table
export function hostWork(workers: HostWorkers, { host, images }: HostWorkOptions): HostWork[] {
  const { removeUnusedImages, limitConsoleLogs } = workers
  return [
    { name: 'report_state', option: 'report_interval', off: null,
      seconds: host.report_interval, immediately: true, run: () => workers.reportState() },
    { name: 'update_available_resource', option: 'update_resources_interval', off: '-1',
      seconds: spacing(host.update_resources_interval), immediately: false, run: () => workers.updateResources() },
    { name: 'cleanup_running_deleted_instances', option: 'running_deleted_instance_poll_interval', off: '0',
      seconds: host.running_deleted_instance_poll_interval, immediately: true, run: (signal) => workers.cleanUpDeleted(signal) },
    { name: 'run_pending_deletes', option: 'instance_delete_interval', off: '-1',
      seconds: spacing(host.instance_delete_interval), immediately: false, run: (signal) => workers.runPendingDeletes(signal) },
    { name: 'cleanup_incomplete_migrations', option: 'instance_delete_interval', off: '-1',
      seconds: spacing(host.instance_delete_interval), immediately: true, run: () => workers.removeLeft() },
    { name: 'resume_stalled_guests', option: 'stalled_guests_poll_interval', off: '0',
      seconds: host.stalled_guests_poll_interval, immediately: host.stalled_guests_poll_interval > 0,
      run: () => workers.resumeStalled() },
    ...(removeUnusedImages ? [
      { name: 'run_image_cache_manager_pass', option: 'image_cache.manager_interval', off: '-1',
        seconds: images.remove_unused_base_images ? spacing(images.manager_interval) : 0, immediately: false,
        run: () => removeUnusedImages(images.remove_unused_original_minimum_age_seconds * 1000) },
    ] : []),
    ...(limitConsoleLogs ? [
      { name: 'limit_console_logs', option: 'console_log_max_mb', off: '0',
        seconds: host.console_log_max_mb > 0 ? 60 : 0, immediately: false,
        run: () => limitConsoleLogs(host.console_log_max_mb * MIB) },
    ] : []),
  ]
}
