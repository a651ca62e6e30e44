// What servers become when real guests go off, start and vanish behind the cloud's back, and when libvirtd dies.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { until } from '@kilonova/cloud/api-client'
import { findDaemon } from '@kilonova/libvirt/daemon'
import { RealCloud } from './real-cloud.ts'
import type { ShownServer } from './servers.ts'
import { act, active, createServer, settled, showServer, thingsOf } from './servers.ts'

/** Comparisons of all come too seldom to be what is seen here, but for those that something else brings about. */
const CONFIG = '[compute]\nvirt_type = "qemu"\nshutdown_timeout = 5\n'
const LIMIT_SECONDS = 90
const POWERS_ITSELF_OFF = Buffer.from('#!/bin/sh\npoweroff\n').toString('base64')

interface ShownAction {
  action: string
  user_id: string | null
}

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

  const actions = async (id: string): Promise<ShownAction[]> => {
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    return (await cloud.demo.ask<{ instanceActions: ShownAction[] }>({ path })).instanceActions
  }
  const names = async (id: string): Promise<string[]> => (await actions(id)).map(({ action }) => action)
  const becomes = async (id: string, isSo: (server: ShownServer) => boolean): Promise<ShownServer> => {
    const server = await until(LIMIT_SECONDS, async () => {
      const shown = await showServer(cloud.demo, id)
      return shown['OS-EXT-STS:task_state'] === null && isSo(shown) ? shown : undefined
    })
    assert.ok(server, JSON.stringify(await showServer(cloud.demo, id)))
    return server
  }
  const pidOf = async (id: string): Promise<string> =>
    (await run('pgrep', ['-f', `^[^ ]*qemu-system[^ ]* .*${id}`], { accept: [0, 1] })).stdout.trim()

  it('is SHUTOFF when it has powered itself off, or was destroyed', async () => {
    for (const id of [ids.sleepy, ids.killed]) {
      const server = await becomes(id, ({ status }) => status === 'SHUTOFF')
      assert.equal(server['OS-EXT-STS:power_state'], 4)
      const [stop, ...others] = await actions(id)
      assert.deepEqual([stop!.action, stop!.user_id], ['stop', null])
      assert.deepEqual(
        others.map(({ action }) => action),
        ['create'],
      )
    }
  })

  it('is off again when it was stopped and somebody starts it', async () => {
    assert.equal((await settled(cloud.demo, ids.off))!.status, 'SHUTOFF')
    await cloud.virsh('start', ids.off)
    const stopped = await until(LIMIT_SECONDS, async () => ((await names(ids.off)).length === 3 ? true : undefined))
    assert.ok(stopped, 'it was not stopped again')
    await becomes(ids.off, ({ status }) => status === 'SHUTOFF')
    assert.equal(await pidOf(ids.off), '')
    assert.deepEqual(await names(ids.off), ['stop', 'stop', 'create'])
  })

  it('stays ACTIVE without power when it vanished, and the others are as they were when libvirtd died', async () => {
    const pid = await pidOf(ids.bystander)
    await cloud.virsh('destroy', ids.gone)
    await cloud.virsh('undefine', ids.gone)
    const before = await Promise.all([ids.sleepy, ids.off, ids.bystander].map((id) => showServer(cloud.demo, id)))
    const daemon = await findDaemon({ directory: cloud.state.libvirt })
    assert.ok(daemon, 'the cloud has no libvirtd of its own')
    process.kill(daemon.pid, 'SIGKILL')
    const gone = await becomes(ids.gone, (server) => server['OS-EXT-STS:power_state'] === 0)
    assert.equal(gone.status, 'ACTIVE')
    assert.deepEqual(await names(ids.gone), ['create'])
    const after = await Promise.all([ids.sleepy, ids.off, ids.bystander].map((id) => showServer(cloud.demo, id)))
    assert.deepEqual(after, before) // their updated_at, too
    assert.equal(after[2]!.status, 'ACTIVE')
    assert.equal(await pidOf(ids.bystander), pid)
  })
})
