import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { systemClock } from '@kilonova/base/clock'
import { checkLines } from '../../cli/doctor.ts'
import type { RunningCloud } from '../../running-cloud.ts'
import { StateDirectory } from '../../state-directory.ts'
import { cloudChecks, hostChecks, portCheck, taskCheck } from './cloud-checks.ts'
import { diskChecks } from './disk-checks.ts'
import { stateChecks } from './host-checks.ts'

describe('the doctor', () => {
  let state: StateDirectory
  before(async () => {
    state = new StateDirectory(await mkdtemp(join(tmpdir(), 'kilonova-doctor-')))
  })
  after(() => rm(state.path, { recursive: true, force: true }))

  const found = async () => new Map((await stateChecks(state)).map((check) => [check.name, check]))

  it('says one line of what is fine, and two of what is not', () => {
    assert.deepEqual(checkLines({ name: 'nft', state: 'ok', what: '/usr/sbin/nft', mend: '' }), [
      'ok      nft: /usr/sbin/nft',
    ])
    assert.deepEqual(checkLines({ name: 'nft', state: 'wrong', what: 'missing', mend: 'apt install nftables' }), [
      'WRONG   nft: missing',
      '  mend: apt install nftables',
    ])
    assert.deepEqual(
      checkLines({ name: 'tun', state: 'unknown', what: 'takes root', mend: 'sudo' })[0],
      'unknown tun: takes root',
    )
  })

  it('looks at a state directory that is not there', async () => {
    const none = new StateDirectory(join(state.path, 'a', 'b'))
    assert.ok((await stateChecks(none)).every((check) => check.state === 'ok'))
  })

  it('finds a configuration that cannot be used', async () => {
    await writeFile(state.configFile, '[compute]\nreport_intervall = 3\n')
    const config = (await found()).get('config')!
    assert.equal(config.state, 'wrong')
    assert.match(config.what, /report_interval$/)
    await rm(state.configFile)
    assert.equal((await found()).get('config')!.state, 'ok')
  })

  it('finds a clock that stands before what is written', async () => {
    await writeFile(state.database, '')
    assert.equal((await found()).get('time')!.state, 'ok')
    const tomorrow = systemClock.now() / 1000 + 86_400
    await utimes(state.database, tomorrow, tomorrow)
    const time = (await found()).get('time')!
    assert.equal(time.state, 'wrong')
    assert.match(time.what, /86[34]\d\d s before the newest record/)
  })

  it('finds a volume group that is not there, and devices that no server can have', async () => {
    assert.deepEqual(await diskChecks(state), [])
    await writeFile(
      state.configFile,
      '[compute]\nimages_type = "lvm"\nimages_volume_group = "kn-none"\nisolated_disks = ["/dev/null", "/dev/kn-none"]\n',
    )
    const checks = await diskChecks(state)
    await rm(state.configFile)
    if (process.getuid?.() !== 0)
      return assert.deepEqual(
        checks.map(({ state: how }) => how),
        ['unknown'],
      )
    assert.deepEqual(
      checks.map(({ name, state: how }) => [name, how]),
      [
        ['volume group', 'wrong'],
        ['isolated disk /dev/null', 'wrong'],
        ['isolated disk /dev/kn-none', 'wrong'],
      ],
    )
    assert.match(`${checks[0]!.what} ${checks[0]!.mend}`, /kn-none is not there.*vgcreate|lvm2/)
  })

  it('finds who holds the port', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const taken = await portCheck(port)
    assert.equal(taken.state, 'wrong')
    assert.match(taken.what, new RegExp(`${port} is taken by .*\\(pid ${process.pid}\\)`))
    await new Promise((resolve) => server.close(resolve))
    assert.equal((await portCheck(port)).state, 'ok')
  })

  it('finds a cloud whose process lives and does not answer', async () => {
    const running = { pid: process.pid, url: 'http://127.0.0.1:1', version: '1' } as RunningCloud
    const checks = await cloudChecks(state, running)
    assert.deepEqual(
      checks.map(({ name, state: how }) => [name, how]),
      [['cloud', 'wrong']],
    )
    assert.match(checks[0]!.mend, /down; .*up --detach/)
  })

  it('finds hosts that are down, and stuck tasks', () => {
    const host = { host: 'h1', state: 'up', status: 'enabled', servers: 1 } as const
    assert.deepEqual(hostChecks({ hosts: [host] })[0]!.state, 'ok')
    assert.deepEqual(hostChecks({ hosts: [] })[0]!.state, 'wrong')
    const [down] = hostChecks({ hosts: [host, { ...host, host: 'h2', state: 'down' }] })
    assert.match(`${down!.what} ${down!.mend}`, /^h2 is down, with 1 servers on h2/)
    assert.equal(taskCheck({ tasks: { live: 3, stuck: 0 } }).state, 'ok')
    assert.equal(taskCheck({ tasks: { live: 3, stuck: 1 } }).state, 'wrong')
  })
})
