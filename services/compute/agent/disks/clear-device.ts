// Takes away what a guest wrote before its device goes to the next.
import { run } from '@kilonova/base/command'
import { MB } from './disk-mapping.ts'

export interface Clearing {
  /** volume_clear */
  how: 'zero' | 'shred' | 'none'
  /** volume_clear_size: MB from the beginning; 0 for the whole device. */
  mb: number
}

/** Milliseconds: a large disk is written from end to end, three times to shred it. */
const PATIENCE = 48 * 3_600_000

/** Writes over the device of `size` bytes, as the clearing says. On the disk when it returns. */
export async function clearDevice(path: string, size: number, { how, mb }: Clearing): Promise<void> {
  if (how === 'none' || size === 0) return
  const amount = mb === 0 ? size : Math.min(size, mb * MB)
  const passes = how === 'zero' ? ['-n', '0', '-z'] : ['-n', '3']
  await run('shred', [...passes, '-s', String(amount), path], { timeout: PATIENCE, endsWithUs: true })
}
