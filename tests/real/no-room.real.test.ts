// A real guest that writes more than its host has room for: it stands still, is explained, and goes on with nothing lost.
import assert from 'node:assert/strict'
import { mkdir, rm, statfs, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { mayMount } from '@kilonova/base/testing-disk'
import { until } from '@kilonova/cloud/api-client'
import { GuestShell } from './guest-shell.ts'
import { RealCloud } from './real-cloud.ts'
import { active, createGroup, createKey, createServer, fixedAddress, removeServer, thingsOf } from './servers.ts'

const MB = 2 ** 20
const CONFIG = '[compute]\nvirt_type = "qemu"\nvnc_enabled = false\nstalled_guests_poll_interval = 1\n'
const LIMIT_SECONDS = 180
/** Of the file system of the guests' disks, and what is left of it meanwhile. */
const [SIZE, LEFT] = [1280 * MB, 24 * MB]
/** MB that the guest writes. */
const WRITTEN = 48
const [RUNNING, PAUSED] = [1, 3]

describe('a real guest on a host without room', mayMount, () => {
  let cloud: RealCloud
  let instances: string
  let shell: GuestShell
  let id: string
  before(async () => {
    cloud = await RealCloud.create({ config: CONFIG })
    instances = join(cloud.state.path, 'instances')
    await mkdir(instances, { recursive: true })
    const file = join(cloud.state.path, 'file-system')
    await writeFile(file, '')
    await truncate(file, SIZE)
    await run('mkfs.ext4', ['-q', '-F', '-m', '0', file])
    await run('mount', ['-o', 'loop', file, instances])
    await rm(join(instances, 'lost+found'), { recursive: true })
    await cloud.up()
    await cloud.ready()
    const things = await thingsOf(cloud.demo)
    const keyFile = await createKey(cloud.demo, cloud.state.path, 'test')
    await createGroup(cloud.demo, 'ssh', [22])
    id = await createServer(cloud.demo, things, { key_name: 'test', security_groups: [{ name: 'ssh' }] })
    const address = fixedAddress(await active(cloud.demo, id))
    shell = new GuestShell({ directory: cloud.state.path, keyFile, networkId: things.network, address })
    await shell.open()
  })
  after(async () => {
    await shell?.close()
    await cloud?.kill()
    await run('umount', ['--lazy', instances], { accept: [0, 32] })
    await cloud?.remove()
  })

  const becomes = async (power: number): Promise<void> => {
    const found = await until(LIMIT_SECONDS, async () => {
      const server = await active(cloud.demo, id)
      return server['OS-EXT-STS:power_state'] === power ? true : undefined
    })
    assert.ok(found, `the power state does not become ${power}`)
  }
  const explained = async (): Promise<string> => (await cloud.command('explain', id)).stdout

  it('trust-D9: stands still, says why, and writes on when there is room again', async () => {
    const taken = join(instances, '_base', 'taken')
    const { bavail, bsize } = await statfs(instances)
    await run('fallocate', ['-l', String(bavail * bsize - LEFT), taken])
    await shell.run("yes y | tr -d '\\n' | head -c 1048576 >/tmp/block")
    const blocks = `for i in $(seq ${WRITTEN}); do cat /tmp/block; done`
    const writes = `${blocks} | dd of=/dev/vda bs=1M seek=64 conv=fsync && echo written >/tmp/end`
    await shell.run(`(${writes}) >/dev/null 2>&1 </dev/null &`)
    await shell.close() // a guest that stands still answers nobody
    await becomes(PAUSED)
    assert.match(await explained(), /stands still: no room on the host for vda/)
    assert.match(await explained(), /Make room there/)
    await rm(taken)
    await becomes(RUNNING)
    await shell.open()
    const written = await until(LIMIT_SECONDS, async () =>
      (await shell.try('cat /tmp/end')).stdout.trim() === 'written' ? true : undefined,
    )
    assert.ok(written, 'the guest has not written all')
    const [other, all] = await Promise.all(
      ['| tr -d y', ''].map((only) =>
        shell.run(`dd if=/dev/vda bs=1M skip=64 count=${WRITTEN} 2>/dev/null ${only} | wc -c`),
      ),
    )
    assert.deepEqual([other, all], ['0', String(WRITTEN * MB)])
    assert.match(await explained(), /Nothing: all is well with it/)
    await shell.close()
    await removeServer(cloud.demo, id)
    assert.deepEqual((await cloud.audit()).orphans, [])
  })
})
