// The story of a server's disk on logical volumes.
import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { diskStory } from './disk-story.ts'
import { LvmHost } from './lvm-host.ts'
import { RealCloud } from './real-cloud.ts'

const GB = 2 ** 30
/** Two servers, and one that grows to twice its size beside what it was. */
const SIZE = 8 * GB
/** What the guests write lies before that. */
const COMMON = 'virt_type = "qemu"\nvnc_enabled = false\nshutdown_timeout = 5\nvolume_clear_size = 128\n'

let lvm: LvmHost
let cloud: RealCloud
before(async () => {
  lvm = await LvmHost.make(SIZE)
  const own = `images_type = "lvm"\nimages_volume_group = "${lvm.name}"\nallow_resize_to_same_host = true\n`
  cloud = await RealCloud.create({ config: `[compute]\n${COMMON}${own}` })
  await cloud.up(lvm.env)
  await cloud.ready()
})
after(async () => {
  await cloud?.remove()
  await lvm?.close()
})

async function assertNothingLeft(): Promise<void> {
  assert.deepEqual([await lvm.volumes(), await lvm.devices()], [[], []])
}

diskStory('lvm', async () => ({
  cloud,
  disk: new RegExp(`<source dev='/dev/${lvm.name}/[0-9a-f-]{36}_disk'`),
  format: 'raw',
  assertNothingLeft,
}))
