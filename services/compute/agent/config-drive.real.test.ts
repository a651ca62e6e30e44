import assert from 'node:assert/strict'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { run } from '@kilonova/base/command'
import { writeConfigDrive } from './config-drive.ts'
import { configDriveFiles } from './metadata/instance-metadata.ts'
import { makeGuest, makeVif } from './testing.ts'

async function inTemporary(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-drive-'))
  try {
    await work(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}

test('seed-8.5.18-1: the drive is labelled config-2 and holds every file as it was given', () =>
  inTemporary(async (directory) => {
    const guest = makeGuest({ displayName: '\u202e<&>{{x}}', vifs: [makeVif()], userData: 'AAD/' })
    const files = configDriveFiles(guest, { dhcpDomain: '', vendorData: { static: {}, dynamic: {} } })
    const path = join(directory, 'disk.config')
    await writeConfigDrive(path, files)
    const { stdout: header } = await run('isoinfo', ['-d', '-i', path])
    assert.match(header, /^Volume id: config-2$/m)
    assert.match(header, /^Publisher id: OPENSTACK NOVA/im)
    const { stdout: list } = await run('isoinfo', ['-f', '-R', '-i', path])
    const found = list.split('\n').filter((name) => files.has(name.slice(1)))
    assert.equal(found.length, files.size)
    const { stdout: metaData } = await run('isoinfo', ['-R', '-i', path, '-x', '/openstack/latest/meta_data.json'])
    assert.equal(JSON.parse(metaData).name, guest.displayName)
    assert.deepEqual(await readdir(directory), ['disk.config'])
  }))

test('a file that would leave the drive is refused, and nothing is left behind', () =>
  inTemporary(async (directory) => {
    for (const name of ['../evil', '/etc/evil', 'a/../../evil']) {
      const files = new Map([[name, Buffer.from('x')]])
      await assert.rejects(writeConfigDrive(join(directory, 'disk.config'), files), /does not stay inside/)
    }
    assert.deepEqual(await readdir(directory), [])
  }))
