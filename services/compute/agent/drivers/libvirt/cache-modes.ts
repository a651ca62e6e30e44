// disk_cachemodes: how QEMU caches each kind of disk.
import { ConfigError } from '@kilonova/base/options'
import type { CacheMode, DiskHandling } from './disk-xml.ts'

const MODES: readonly CacheMode[] = ['default', 'none', 'writethrough', 'writeback', 'directsync', 'unsafe']
/** Kinds that Nova has and this driver does not are let through. */
const KINDS = ['file', 'block', 'network', 'mount']

/** `direct`: the file system of the disks knows O_DIRECT. Throws ConfigError. */
export function cacheModes(given: readonly string[], direct: boolean): DiskHandling['cache'] {
  const modes: Record<string, CacheMode> = { file: direct ? 'none' : 'writeback', block: 'none' }
  for (const entry of given) {
    const [kind = '', mode = ''] = entry.split('=')
    if (!KINDS.includes(kind) || !isMode(mode)) {
      const choices = `${KINDS.join(', ')} with ${MODES.join(', ')}`
      throw new ConfigError(`disk_cachemodes: ${JSON.stringify(entry)} is not one of ${choices}, such as file=none`)
    }
    modes[kind] = mode
  }
  return { file: modes['file']!, block: modes['block']! }
}

function isMode(text: string): text is CacheMode {
  return (MODES as readonly string[]).includes(text)
}
