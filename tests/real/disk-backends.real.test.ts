// One story on disks of every kind that needs no more than files and devices: a server's disk from its first boot to
// the last trace of it.
import assert from 'node:assert/strict'
import { mkdtemp, open, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before } from 'node:test'
import type { LoopDevice } from '@kilonova/compute/agent/disks/testing'
import { loopDevice } from '@kilonova/compute/agent/disks/testing'
import { diskStory } from './disk-story.ts'
import { RealCloud } from './real-cloud.ts'
import { createServer, removeServer, settled, thingsOf } from './servers.ts'

const MB = 2 ** 20
/** Each has room for the flavor's disk; the second also for an image of the first, which is as large as that. */
const SIZES = [1032 * MB, 1040 * MB]
/** All that the guests write lies before that. */
const CLEARED = 128 * MB
const COMMON = [
  'virt_type = "qemu"',
  'vnc_enabled = false',
  'shutdown_timeout = 5',
  `volume_clear_size = ${CLEARED / MB}`,
]

let directory: string
let cloud: RealCloud
const devices: LoopDevice[] = []

function configOf(imagesType: string): string {
  const isolated = `isolated_disks = [${devices.map(({ path }) => `"${path}"`).join(', ')}]`
  const options = [...COMMON, isolated, `images_type = "${imagesType}"`, 'allow_resize_to_same_host = true']
  return `[compute]\n${options.join('\n')}\n`
}

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'kn-disks-'))
  for (const [index, size] of SIZES.entries()) devices.push(await loopDevice(join(directory, `device${index}`), size))
  cloud = await RealCloud.start({ config: configOf('raw') })
})
after(async () => {
  await cloud?.remove()
  for (const device of devices) await device.detach()
  await rm(directory, { recursive: true, force: true })
})

diskStory('raw', async () => ({
  cloud,
  disk: /<driver name='qemu' type='raw'/,
  format: 'raw',
}))

diskStory('isolated', async () => ({
  cloud,
  flavor: await wholeFlavor(),
  disk: /<source dev='\/dev\/loop\d+'/,
  format: 'raw',
  refusesResize: /whole device/,
  whileTwo: devicesAreKept,
  assertNothingLeft: assertDevicesFree,
}))

diskStory(
  'qcow2',
  async () => {
    await startFor('qcow2')
    return { cloud, disk: /<driver name='qemu' type='qcow2'/, format: 'qcow2' }
  },
  'seed-8.5.3-2: ',
)

/** New disks are of that kind from here on. */
async function startFor(imagesType: string): Promise<void> {
  await cloud.stop()
  await writeFile(cloud.state.configFile, configOf(imagesType))
  await cloud.up()
  await cloud.ready()
}

async function wholeFlavor(): Promise<string> {
  const post = <T>(path: string, body: object): Promise<T> =>
    cloud.admin.ask<T>({ method: 'POST', path: `/compute/v2.1/${path}`, body })
  const size = { name: 'whole', ram: 192, vcpus: 1, disk: 1 }
  const { flavor } = await post<{ flavor: { id: string } }>('flavors', { flavor: size })
  await post(`flavors/${flavor.id}/os-extra_specs`, { extra_specs: { 'resources:CUSTOM_DISK_ISOLATED': '1' } })
  return flavor.id
}

async function devicesAreKept(): Promise<void> {
  await cloud.kill()
  await cloud.up()
  await cloud.ready()
  const things = await thingsOf(cloud.demo)
  const { flavors } = await cloud.demo.ask<{ flavors: { id: string; name: string }[] }>({
    path: '/compute/v2.1/flavors',
  })
  const flavor = flavors.find(({ name }) => name === 'whole')!.id
  const third = await settled(cloud.demo, await createServer(cloud.demo, { ...things, flavor }, { name: 'third' }))
  assert.match(third!.fault!.message, /^No valid host was found/)
  await removeServer(cloud.demo, third!.id)
}

async function assertDevicesFree(): Promise<void> {
  for (const { path } of devices) {
    const file = await open(path)
    try {
      const { buffer } = await file.read(Buffer.alloc(MB), 0, MB, 0)
      assert.ok(buffer.equals(Buffer.alloc(MB)), `${path} is not wiped`)
    } finally {
      await file.close()
    }
  }
  assert.deepEqual(await readdir(join(cloud.state.path, 'instances', 'isolated')), [])
}
