// Which option decides how often a host does what, and what switches it off.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfig } from '@kilonova/base/options'
import { agentOptions, imageCacheOptions } from './options.ts'
import type { HostWork, HostWorkers } from './periodic-work.ts'
import { hostWork } from './periodic-work.ts'

function workOf(toml: string, workers: Partial<HostWorkers> = {}): HostWork[] {
  const { compute, image_cache: images } = readConfig({ compute: agentOptions, image_cache: imageCacheOptions }, toml)
  const nothing = async (): Promise<void> => undefined
  const all: HostWorkers = {
    ...{ reportState: nothing, updateResources: nothing, cleanUpDeleted: nothing, runPendingDeletes: nothing },
    ...{
      removeLeft: nothing,
      resumeStalled: nothing,
      removeUnusedImages: nothing,
      limitConsoleLogs: nothing,
      ...workers,
    },
  }
  return hostWork(all, { host: compute, images })
}

const seconds = (toml: string): Record<string, number> =>
  Object.fromEntries(workOf(toml).map((work) => [work.name, work.seconds]))

test('the defaults are Nova’s', () => {
  assert.deepEqual(seconds(''), {
    ...{ report_state: 10, update_available_resource: 60, cleanup_running_deleted_instances: 1800 },
    ...{
      run_pending_deletes: 300,
      cleanup_incomplete_migrations: 300,
      resume_stalled_guests: 10,
      run_image_cache_manager_pass: 2400,
      limit_console_logs: 60,
    },
  })
})

test('what the table says switches work off does so', () => {
  for (const { name, option, off } of workOf('')) {
    if (off === null) continue
    const [table, key] = option.includes('.') ? option.split('.') : ['compute', option]
    assert.ok(seconds(`[${table}]\n${key} = ${off}\n`)[name]! <= 0, `${option} = ${off}`)
  }
  assert.equal(seconds('[image_cache]\nremove_unused_base_images = false\n')['run_image_cache_manager_pass'], 0)
})

test('sizes and ages arrive in bytes and milliseconds', async () => {
  const told: number[] = []
  const note = async (figure: number): Promise<void> => void told.push(figure)
  const toml = '[compute]\nconsole_log_max_mb = 2\n[image_cache]\nremove_unused_original_minimum_age_seconds = 3\n'
  for (const { name, run } of workOf(toml, { removeUnusedImages: note, limitConsoleLogs: note }))
    if (name === 'run_image_cache_manager_pass' || name === 'limit_console_logs')
      await run(new AbortController().signal)
  assert.deepEqual(told, [3000, 2 * 2 ** 20])
})
