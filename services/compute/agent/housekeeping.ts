// What a host does now and then so that its disk does not fill: images nobody uses, consoles that talk too much.
import { readdir } from 'node:fs/promises'
import { isUuid } from '@kilonova/base/ids'
import type { ImageCache } from './disks/image-cache.ts'
import { limitConsoleLog } from './drivers/libvirt/console.ts'
import type { InstancePaths } from './instance-paths.ts'

/** Bytes; above what libvirt's own rotation leaves. */
const CONSOLE_LIMIT = 4 * 2 ** 20

/** Cuts console logs that grew too large. To be run about once a minute. */
export async function limitConsoleLogs(paths: InstancePaths, limit = CONSOLE_LIMIT): Promise<void> {
  for (const id of (await readdir(paths.root)).filter(isUuid)) await limitConsoleLog(paths.consoleLog(id), limit)
}

/** remove_unused_original_minimum_age_seconds, in milliseconds: a day. */
const IMAGE_AGE = 86_400_000

/** Removes cached images that no disk stands on. To be run about every 40 minutes. Answers what it removed. */
export function removeUnusedImages(images: ImageCache, maxAge = IMAGE_AGE): Promise<string[]> {
  return images.removeUnused(maxAge)
}
