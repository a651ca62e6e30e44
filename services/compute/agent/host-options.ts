// The options that a host's agent obeys.
import type { Values } from '@kilonova/base/options'
import type { agentOptions, imageCacheOptions } from './options.ts'

export type HostOptions = Values<typeof agentOptions>
export type ImageCacheOptions = Values<typeof imageCacheOptions>

/** What Nova makes of an interval: 0 is its default spacing of a minute, less is never. */
export function spacing(seconds: number): number {
  const DEFAULT = 60
  return seconds === 0 ? DEFAULT : seconds
}
