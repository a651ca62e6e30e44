// What a host does now and then so that its disk does not fill: consoles that talk too much.
import { readdir } from 'node:fs/promises'
import { isUuid } from '@kilonova/base/ids'
import { limitConsoleLog } from './drivers/libvirt/console.ts'
import type { InstancePaths } from './instance-paths.ts'

/** Cuts console logs that are larger than so many bytes. */
export async function limitConsoleLogs(paths: InstancePaths, limit: number): Promise<void> {
  for (const id of (await readdir(paths.root)).filter(isUuid)) await limitConsoleLog(paths.consoleLog(id), limit)
}
