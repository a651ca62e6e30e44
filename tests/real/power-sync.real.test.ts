// What servers become when real guests go off, start and vanish behind the cloud's back, and when libvirtd dies.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { until } from '@kilonova/cloud/api-client'
import { findDaemon } from '@kilonova/libvirt/daemon'
import { RealCloud } from './real-cloud.ts'
import type { ShownServer } from './servers.ts'
import { act, active, booted, createServer, settled, showServer, thingsOf } from './servers.ts'

/** Comparisons of all come too seldom to be what is seen here, but for those that something else brings about. */
const CONFIG = '[compute]\nvirt_type = "qemu"\nshutdown_timeout = 5\nwait_soft_reboot_seconds = 60\n'
const LIMIT_SECONDS = 300
/** Milliseconds after which a stop that no start has followed counts. */
const HELD_BACK = 16_000
const POWERS_ITSELF_OFF = Buffer.from('#!/bin/sh\npoweroff\n').toString('base64')

interface ShownAction {
  action: string
  user_id: string | null
}

async function actionsOf({ demo }: RealCloud, id: string): Promise<ShownAction[]> {
  const path = `/compute/v2.1/servers/${id}/os-instance-actions`
  return (await demo.ask<{ instanceActions: ShownAction[] }>({ path })).instanceActions
}

async function namesOf(cloud: RealCloud, id: string): Promise<string[]> {
  return (await actionsOf(cloud, id)).map(({ action }) => action)
}

/** Waits until nothing works on the server and it is so. */
async function becomes({ demo }: RealCloud, id: string, isSo: (server: ShownServer) => boolean): Promise<ShownServer> {
  const server = await until(LIMIT_SECONDS, async () => {
    const shown = await showServer(demo, id)
    return shown['OS-EXT-STS:task_state'] === null && isSo(shown) ? shown : undefined
  })
  assert.ok(server, JSON.stringify(await showServer(demo, id)))
  return server
}

async function pidOf(id: string): Promise<string> {
  return (await run('pgrep', ['-f', `^[^ ]*qemu-system[^ ]* .*${id}`], { accept: [0, 1] })).stdout.trim()
}

/** kill -9 of the cloud's own libvirtd; resolves when there is another one that the cloud is connected to. */
async function killLibvirtd(cloud: RealCloud, meanwhile?: () => unknown): Promise<void> {
  const daemon = await findDaemon({ directory: cloud.state.libvirt })
  assert.ok(daemon, 'the cloud has no libvirtd of its own')
  process.kill(daemon.pid, 'SIGKILL')
  await meanwhile?.()
  const back = await until(LIMIT_SECONDS, async () => {
    const next = await findDaemon({ directory: cloud.state.libvirt })
    if (!next || next.pid === daemon.pid) return undefined
    const { parts } = (await (await fetch(`${cloud.url}/healthz`)).json()) as { parts: Record<string, { ok: boolean }> }
    return parts['libvirt']?.ok || undefined
  })
  assert.ok(back, 'libvirtd did not come back')
}

const power = (wanted: number) => (server: ShownServer) => server['OS-EXT-STS:power_state'] === wanted

describe('a real guest that changes behind the cloud’s back', () => {
  let cloud: RealCloud
  const ids = { sleepy: '', killed: '', off: '', gone: '', bystander: '' }

  before(async () => {
    cloud = await RealCloud.start({ config: CONFIG })
    const things = await thingsOf(cloud.demo)
    const create = (name: string, parts = {}) => createServer(cloud.demo, things, { name, ...parts })
    ids.sleepy = await create('sleepy', { config_drive: true, user_data: POWERS_ITSELF_OFF })
    for (const name of ['killed', 'off', 'gone', 'bystander'] as const) ids[name] = await create(name)
    for (const id of Object.values(ids)) await active(cloud.demo, id)
    await cloud.virsh('destroy', ids.killed)
    await act(cloud.demo, ids.off, { 'os-stop': null })
  })
  after(() => cloud?.remove())

  it('seed-8.5.2-1: is SHUTOFF when it has powered itself off, or was destroyed', async () => {
    for (const id of [ids.sleepy, ids.killed]) {
      const server = await becomes(cloud, id, ({ status }) => status === 'SHUTOFF')
      assert.equal(server['OS-EXT-STS:power_state'], 4)
      const [stop, ...others] = await actionsOf(cloud, id)
      assert.deepEqual([stop!.action, stop!.user_id], ['stop', null])
      assert.deepEqual(
        others.map(({ action }) => action),
        ['create'],
      )
    }
  })

  it('seed-8.5.2-2: stays ACTIVE when it boots anew, by a reset or by a stop and a start', async () => {
    const { bystander: id } = ids
    await booted(cloud.demo, id)
    await cloud.virsh('reset', id)
    await booted(cloud.demo, id, 2)
    await cloud.virsh('destroy', id)
    await cloud.virsh('start', id)
    await booted(cloud.demo, id, 3)
    await systemClock.sleep(HELD_BACK)
    assert.equal((await becomes(cloud, id, power(1))).status, 'ACTIVE')
    assert.deepEqual(await namesOf(cloud, id), ['create'])
  })

  it('seed-8.5.2-3: is off again when it was stopped and somebody starts it', async () => {
    assert.equal((await settled(cloud.demo, ids.off))!.status, 'SHUTOFF')
    await cloud.virsh('start', ids.off)
    const stopped = await until(LIMIT_SECONDS, async () =>
      (await namesOf(cloud, ids.off)).length === 3 ? true : undefined,
    )
    assert.ok(stopped, 'it was not stopped again')
    await becomes(cloud, ids.off, ({ status }) => status === 'SHUTOFF')
    assert.equal(await pidOf(ids.off), '')
    assert.deepEqual(await namesOf(cloud, ids.off), ['stop', 'stop', 'create'])
  })

  it('seed-8.5.2-4: shows a pause and its end, and stays ACTIVE', async () => {
    await cloud.virsh('suspend', ids.bystander)
    assert.equal((await becomes(cloud, ids.bystander, power(3))).status, 'ACTIVE')
    await cloud.virsh('resume', ids.bystander)
    assert.equal((await becomes(cloud, ids.bystander, power(1))).status, 'ACTIVE')
  })

  it('seed-8.5.2-6: is left to the operation that works on it when it is killed', async () => {
    const { bystander: id } = ids
    await cloud.virsh('reset', id) // so early it does not hear its power button
    await act(cloud.demo, id, { reboot: { type: 'SOFT' } })
    assert.equal((await showServer(cloud.demo, id))['OS-EXT-STS:task_state'], 'rebooting')
    await cloud.virsh('destroy', id)
    assert.equal((await becomes(cloud, id, power(1))).status, 'ACTIVE')
    assert.deepEqual(await namesOf(cloud, id), ['reboot', 'create'])
  })

  it('seed-8.5.2-5: stays ACTIVE without power when it vanished, and the others are as they were when libvirtd died', async () => {
    const pid = await pidOf(ids.bystander)
    await cloud.virsh('destroy', ids.gone)
    await cloud.virsh('undefine', ids.gone)
    const others = [ids.sleepy, ids.off, ids.bystander]
    const before = await Promise.all(others.map((id) => showServer(cloud.demo, id)))
    await killLibvirtd(cloud)
    const gone = await becomes(cloud, ids.gone, power(0))
    assert.equal(gone.status, 'ACTIVE')
    assert.deepEqual(await namesOf(cloud, ids.gone), ['create'])
    const after = await Promise.all(others.map((id) => showServer(cloud.demo, id)))
    assert.deepEqual(after, before) // their updated_at, too
    assert.equal(after[2]!.status, 'ACTIVE')
    assert.equal(await pidOf(ids.bystander), pid)
  })

  it('is heard of again by a libvirtd that was started anew', async () => {
    await killLibvirtd(cloud)
    await cloud.virsh('suspend', ids.bystander)
    assert.equal((await becomes(cloud, ids.bystander, power(3))).status, 'ACTIVE')
    await cloud.virsh('resume', ids.bystander)
    assert.equal((await becomes(cloud, ids.bystander, power(1))).status, 'ACTIVE')
  })
})

describe('a real guest of a cloud that handles no events', () => {
  let cloud: RealCloud
  before(async () => {
    cloud = await RealCloud.start({ config: `${CONFIG}handle_virt_lifecycle_events = false\n` })
  })
  after(() => cloud?.remove())

  it('is SHUTOFF when it died with libvirtd', async () => {
    const id = await createServer(cloud.demo, await thingsOf(cloud.demo))
    await active(cloud.demo, id)
    const pid = Number(await pidOf(id))
    await killLibvirtd(cloud, () => process.kill(pid, 'SIGKILL'))
    const server = await becomes(cloud, id, ({ status }) => status === 'SHUTOFF')
    assert.equal(server['OS-EXT-STS:power_state'], 4)
    assert.deepEqual(await namesOf(cloud, id), ['stop', 'create'])
  })
})
