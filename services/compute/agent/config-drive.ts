// The config drive: an ISO labelled config-2 that holds the metadata tree.
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { run } from '@kilonova/base/command'
import { makeWhole } from './disks/whole-file.ts'

const PUBLISHER = 'OpenStack Nova 33.0.0'

/** Writes the drive with the given files, by their path in it. The drive appears whole or not at all. */
export async function writeConfigDrive(path: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  await makeWhole(path, async (temporary) => {
    const tree = await mkdtemp(`${path}.part.`)
    try {
      await writeTree(tree, files)
      await run('genisoimage', [
        ...['-o', temporary, '-ldots', '-allow-lowercase', '-allow-multidot', '-l'],
        ...['-publisher', PUBLISHER, '-quiet', '-J', '-r', '-V', 'config-2', tree],
      ])
    } finally {
      await rm(tree, { recursive: true, force: true })
    }
  })
}

async function writeTree(root: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  const names = [...files.keys()]
  for (const name of names) {
    if (normalize(name) !== name || name.startsWith('/') || name.startsWith('..')) {
      throw new Error(`${name} does not stay inside the config drive`)
    }
  }
  const folders = new Set(names.map((name) => join(root, dirname(name))))
  await Promise.all([...folders].map((folder) => mkdir(folder, { recursive: true, mode: 0o700 })))
  await Promise.all(names.map((name) => writeFile(join(root, name), files.get(name)!, { mode: 0o600 })))
}
