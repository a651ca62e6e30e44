// Consoles of a real guest: a shell on its serial port, its screen, its figures; and what a restart leaves of them.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@kilonova/cloud/api-client'
import { shakeHands } from '@kilonova/compute/agent/testing-rfb'
import type { Connection } from '../console-client.ts'
import { connect, consoleLink, Refused } from '../console-client.ts'
import { RealCloud } from './real-cloud.ts'
import { active, booted, consoleOf, createServer, removeServer, thingsOf } from './servers.ts'

const LIMIT_SECONDS = 300

/** Reads until the guest has said it. */
async function hears({ reader }: Connection, words: string): Promise<void> {
  let heard = ''
  while (!heard.includes(words)) heard += (await reader.exactly(1)).toString('latin1')
}

describe('the consoles of a real guest', () => {
  let cloud: RealCloud
  let id: string
  before(async () => {
    cloud = await RealCloud.start()
    id = await createServer(cloud.demo, await thingsOf(cloud.demo), { name: 'console' })
    await active(cloud.demo, id)
    await booted(cloud.demo, id)
  })
  after(() => cloud?.remove())

  const serial = async (): Promise<Connection> => connect(await consoleLink(cloud.demo, id, 'serial'))

  /** The sum is the guest's: the words that are sent do not have it. */
  async function shellAnswers(connection: Connection, word: string): Promise<void> {
    connection.send(`\necho ${word}-$((6*7))-$(id -un)\n`)
    await hears(connection, `${word}-42-root`)
  }

  it('run a command on the serial port, and its log has it too', async () => {
    const connection = await serial()
    await shellAnswers(connection, 'first')
    connection.socket.close()
    const logged = await until(LIMIT_SECONDS, async () =>
      (await consoleOf(cloud.demo, id)).includes('first-42-root') ? true : undefined,
    )
    assert.equal(logged, true)
  })

  it('show the screen', async () => {
    const connection = await connect(await consoleLink(cloud.demo, id, 'vnc'))
    const { version, width, height, name } = await shakeHands(connection.reader, connection.send)
    assert.equal(version, 'RFB 003.008\n')
    assert.ok(width >= 640 && height >= 400, `${width} × ${height}`)
    assert.match(name, /instance-00000001/)
    connection.socket.close()
  })

  it('have figures beside them', async () => {
    const path = `/compute/v2.1/servers/${id}/diagnostics`
    const ask = (version: string) =>
      cloud.admin.ask<Record<string, unknown>>({ path, headers: { 'openstack-api-version': `compute ${version}` } })
    const { state, driver, num_cpus, num_nics, num_disks, memory_details } = await ask('2.48')
    assert.deepEqual(
      { state, driver, num_cpus, num_nics, num_disks },
      {
        ...{ state: 'running', driver: 'libvirt', num_cpus: 1, num_nics: 1, num_disks: 1 },
      },
    )
    assert.equal((memory_details as { maximum: number }).maximum, 192)
    const old = await ask('2.1')
    for (const key of ['cpu0_time', 'memory', 'memory-actual', 'vda_read', 'vda_errors'])
      assert.equal(typeof old[key], 'number', `${key} in ${Object.keys(old)}`)
    assert.ok(Number(old['vda_read']) > 0)
    assert.ok(
      Object.keys(old).some((key) => /^tap[0-9a-f-]{11}_rx_packets$/.test(key)),
      Object.keys(old).join(),
    )
  })

  it('are had anew after the cloud was killed, by new links', async () => {
    const open = await serial()
    const unused = await consoleLink(cloud.demo, id, 'serial')
    await cloud.kill()
    await open.closed
    await cloud.up()
    const again = await until(LIMIT_SECONDS, () => serial().catch(() => undefined))
    assert.ok(again, 'no console after the restart')
    await shellAnswers(again, 'second')
    await assert.rejects(connect(unused), (error) => error instanceof Refused && error.status === 401)
    again.socket.close()
  })

  it('end with it', async () => {
    const last = await serial()
    await removeServer(cloud.demo, id)
    assert.match((await last.closed).reason, /went off/)
  })
})
