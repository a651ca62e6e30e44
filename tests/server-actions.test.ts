// What users and admins do to servers that live, in a whole cloud on fake hosts.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { ApiClient } from '@kilonova/cloud/api-client'
import { until } from '@kilonova/cloud/api-client'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { createServer, settledServer, showServer, startFakeCloud } from './fake-cloud.ts'

const refused = (code: number, sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, code)
  return true
}

const SET_TO_ERROR = 'An administrator has set the state to error.'

describe('a server that lives', () => {
  let fake: FakeCloud
  let id: string
  before(async () => {
    fake = await startFakeCloud()
    id = await createServer(fake)
    await settledServer(fake, id)
  })
  after(() => fake?.stop())

  const act = (client: ApiClient, body: unknown, version = '2.96') =>
    client.ask({
      method: 'POST',
      path: `/compute/v2.1/servers/${id}/action`,
      body,
      headers: { 'openstack-api-version': `compute ${version}` },
    })
  const shown = async () => (await showServer(fake, id)) as ShownServer & { locked: boolean; locked_reason: string }
  /** Its newest action with its events, as admins see them. */
  const newest = async (): Promise<unknown[]> => {
    const path = `/compute/v2.1/servers/${id}/os-instance-actions`
    const { instanceActions } = await fake.admin.ask<{ instanceActions: { request_id: string }[] }>({ path })
    const { instanceAction } = await fake.admin.ask<{
      instanceAction: { action: string; events: { event: string; result: string }[] }
    }>({ path: `${path}/${instanceActions[0]!.request_id}` })
    return [instanceAction.action, ...instanceAction.events.map(({ event, result }) => `${event} ${result}`)]
  }

  it('is locked by its owner with a reason, refuses changes, and is unlocked', async () => {
    await act(fake.demo, { lock: { locked_reason: 'mine' } })
    assert.deepEqual(await newest(), ['lock', 'api_lock Success'])
    const { locked, locked_reason: reason } = await shown()
    assert.deepEqual([locked, reason], [true, 'mine'])
    await assert.rejects(act(fake.demo, { 'os-stop': null }), refused(409, /^Instance \S+ is locked$/))
    await act(fake.demo, { unlock: null })
    assert.deepEqual(await newest(), ['unlock', 'api_unlock Success'])
    const after = await shown()
    assert.deepEqual([after.locked, after.locked_reason], [false, null])
  })

  it('is opened by admins alone when an admin has locked it', async () => {
    await act(fake.admin, { lock: null })
    await act(fake.demo, { lock: { locked_reason: 'too late' } })
    assert.equal((await shown()).locked_reason, null)
    await assert.rejects(
      act(fake.demo, { unlock: null }),
      refused(403, /Policy doesn't allow .*os-lock-server:unlock:unlock_override/),
    )
    assert.equal((await shown()).locked, true)
    await act(fake.admin, { unlock: null })
    assert.equal((await shown()).locked, false)
  })

  it('takes a reason for its lock from 2.73 on', async () => {
    await act(fake.demo, { lock: { locked_reason: 'none yet' } }, '2.72')
    assert.equal((await shown()).locked_reason, null)
    await act(fake.demo, { unlock: null })
    for (const lock of [{ locked_reason: '' }, { reason: 'x' }, 'x'])
      await assert.rejects(act(fake.demo, { lock }), refused(400, /lock/))
    assert.equal((await shown()).locked, false)
  })

  const states = (server: ShownServer): unknown[] => [server.status, server['OS-EXT-STS:power_state']]
  const cannot = (action: string, state: string) =>
    refused(409, new RegExp(`^Cannot '${action}' instance ${id} while it is in vm_state ${state}$`))

  it('is paused and goes on', async () => {
    await assert.rejects(act(fake.demo, { unpause: null }), cannot('unpause', 'active'))
    await act(fake.demo, { pause: null })
    assert.deepEqual(states(await settledServer(fake, id)), ['PAUSED', 3])
    assert.deepEqual(await newest(), ['pause', 'compute_pause_instance Success'])
    await assert.rejects(act(fake.demo, { pause: null }), cannot('pause', 'paused'))
    await assert.rejects(act(fake.demo, { 'os-stop': null }), cannot('stop', 'paused'))
    await act(fake.demo, { unpause: null })
    assert.deepEqual(states(await settledServer(fake, id)), ['ACTIVE', 1])
    assert.deepEqual(await newest(), ['unpause', 'compute_unpause_instance Success'])
  })

  it('is what an admin says it is', async () => {
    const reset = (client: ApiClient, state: string) => act(client, { 'os-resetState': { state } })
    await assert.rejects(reset(fake.demo, 'error'), refused(403, /os-admin-actions:reset_state/))
    await assert.rejects(reset(fake.admin, 'stopped'), refused(400, /stopped/))
    await reset(fake.admin, 'error')
    const failed = await shown()
    assert.deepEqual([...states(failed), failed.fault?.message], ['ERROR', 1, SET_TO_ERROR])
    assert.deepEqual(await newest(), ['resetState', 'api_reset_state Success'])
    await assert.rejects(act(fake.demo, { pause: null }), cannot('pause', 'error'))
    await reset(fake.admin, 'active')
    const active = await shown()
    assert.deepEqual([...states(active), active.fault], ['ACTIVE', 1, undefined])
  })

  it('is suspended and goes on', async () => {
    await assert.rejects(act(fake.demo, { resume: null }), cannot('resume', 'active'))
    await act(fake.demo, { suspend: null })
    assert.deepEqual(states(await settledServer(fake, id)), ['SUSPENDED', 4])
    assert.deepEqual(await newest(), ['suspend', 'compute_suspend_instance Success'])
    await assert.rejects(act(fake.demo, { suspend: null }), cannot('suspend', 'suspended'))
    await assert.rejects(act(fake.demo, { 'os-start': null }), cannot('start', 'suspended'))
    await act(fake.demo, { resume: null })
    assert.deepEqual(states(await settledServer(fake, id)), ['ACTIVE', 1])
    assert.deepEqual(await newest(), ['resume', 'compute_resume_instance Success'])
  })

  it('boots when it is rebooted hard while it is paused or suspended', async () => {
    for (const action of ['pause', 'suspend']) {
      await act(fake.demo, { [action]: null })
      await settledServer(fake, id)
      await act(fake.demo, { reboot: { type: 'HARD' } })
      assert.deepEqual(states(await settledServer(fake, id)), ['ACTIVE', 1])
    }
  })

  it('has tags that are shown with it', async () => {
    const path = `/compute/v2.1/servers/${id}/tags`
    await fake.demo.ask({ method: 'PUT', path: `${path}/web` })
    await fake.demo.ask({ method: 'PUT', path: `${path}/blue` })
    await fake.demo.ask({ method: 'DELETE', path: `${path}/web` })
    const { tags } = (await shown()) as unknown as { tags: string[] }
    assert.deepEqual(tags, ['blue'])
    const found = await fake.demo.ask<{ servers: unknown[] }>({ path: '/compute/v2.1/servers?tags=blue' })
    assert.equal(found.servers.length, 1)
  })

  it('gets a new password where its image says that an agent is inside, and crashes on demand', async () => {
    const password = { changePassword: { adminPass: 'a secret of mine' } }
    await assert.rejects(act(fake.demo, password), refused(409, /^QEMU guest agent is not enabled$/))
    const patch = [{ op: 'add', path: '/hw_qemu_guest_agent', value: 'yes' }]
    const headers = { 'content-type': 'application/openstack-images-v2.1-json-patch' }
    await fake.admin.ask({ method: 'PATCH', path: `/image/v2/images/${fake.image}`, body: patch, headers })
    id = await createServer(fake)
    await settledServer(fake, id)
    await act(fake.demo, password)
    assert.deepEqual(states(await settledServer(fake, id)), ['ACTIVE', 1])
    assert.deepEqual(await newest(), ['changePassword', 'compute_set_admin_password Success'])
    await assert.rejects(act(fake.demo, { trigger_crash_dump: null }, '2.16'), refused(404, /could not be found/))
    await act(fake.demo, { trigger_crash_dump: null })
    await until(300, async () => ((await newest())[1] === 'compute_trigger_crash_dump Success' ? true : undefined), 20)
    const { output } = (await act(fake.demo, { 'os-getConsoleOutput': {} })) as { output: string }
    assert.match(output, /root: new password of 16 letters\nNMI received/)
    assert.doesNotMatch(output, /secret/)
    await act(fake.demo, { 'os-stop': null })
    await settledServer(fake, id)
    await assert.rejects(act(fake.demo, password), cannot('changePassword', 'stopped'))
    await assert.rejects(act(fake.demo, { trigger_crash_dump: null }), cannot('trigger_crash_dump', 'stopped'))
  })
})
