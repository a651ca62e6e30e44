// kill -9 of the cloud at every step of giving living guests interfaces and of taking them away: both sides agree after.
import assert from 'node:assert/strict'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { run } from '@kilonova/base/command'
import { until } from '@kilonova/cloud/api-client'
import type { Death } from './death.ts'
import { dyingAt } from './death.ts'
import { RealCloud } from './real-cloud.ts'
import type { Things } from './servers.ts'
import { active, booted, createServer, removeServer, thingsOf } from './servers.ts'

interface Port {
  id: string
  device_id: string
  mac_address: string
  status: string
}

/** How many interfaces each of the servers shall have in the end. */
type Counts = number[]

const CONFIG = '[compute]\nvirt_type = "qemu"\nvnc_enabled = false\n'
const ATTACH = 'server.attach-interface'
const DETACH = 'server.detach-interface'
const NAMES = ['one', 'two', 'three']

describe('servers whose cloud is killed while interfaces come and go', () => {
  let cloud: RealCloud
  let things: Things
  let ids: string[]
  /** A port that is not the servers' own: it survives them. */
  let given: string
  let tag: string

  before(async () => {
    cloud = await RealCloud.start({ config: CONFIG })
    tag = (await cloud.state.identity()).tag
    things = await thingsOf(cloud.demo)
    ids = await Promise.all(NAMES.map((name) => createServer(cloud.demo, things, { name })))
    for (const id of ids) await active(cloud.demo, id)
    const made = await cloud.demo.ask<{ port: Port }>({
      method: 'POST',
      path: '/network/v2.0/ports',
      body: { port: { network_id: things.network } },
    })
    given = made.port.id
    await cloud.stop()
  })
  after(() => cloud?.remove())

  const portsOf = async (id: string): Promise<Port[]> =>
    (await cloud.demo.ask<{ ports: Port[] }>({ path: `/network/v2.0/ports?device_id=${id}` })).ports

  const attachments = async (id: string): Promise<string[]> => {
    const path = `/compute/v2.1/servers/${id}/os-interface`
    const reply = await cloud.demo.ask<{ interfaceAttachments: { port_id: string }[] }>({ path })
    return reply.interfaceAttachments.map(({ port_id }) => port_id).sort()
  }

  /** The first server gets the given port, the others one of their own. A lost reply is the cloud's death. */
  const attach = async (id: string): Promise<void> => {
    const wish = id === ids[0] ? { port_id: given } : { net_id: things.network }
    const path = `/compute/v2.1/servers/${id}/os-interface`
    await cloud.demo.ask({ method: 'POST', path, body: { interfaceAttachment: wish } }).catch(unlessAlive)
  }

  /** The newest goes. */
  const detach = async (id: string): Promise<void> => {
    const first = (await portsOf(id)).find(({ mac_address }) => mac_address === firstMac.get(id))
    const port = (await attachments(id)).find((other) => other !== first?.id)
    const path = `/compute/v2.1/servers/${id}/os-interface/${port}`
    await cloud.demo.ask({ method: 'DELETE', path }).catch(unlessAlive)
  }
  const firstMac = new Map<string, string>()

  const unlessAlive = async (error: unknown): Promise<void> => {
    if (!(await until(2, async () => (cloud.runs ? undefined : true), 20))) throw error
  }

  const start = async (env: Record<string, string> = {}): Promise<void> => {
    await cloud.up(env)
    await cloud.ready()
  }

  const dies = async (): Promise<void> => {
    assert.ok(await until(240, async () => (cloud.runs ? undefined : true), 50), 'it did not die')
    assert.deepEqual(await cloud.end(), { code: null, signal: 'SIGKILL' })
  }

  const macsIn = async (...args: string[]): Promise<string[]> =>
    [...(await cloud.virsh('dumpxml', ...args)).matchAll(/<mac address='([^']*)'/g)].map(([, mac]) => mac!).sort()

  /** The server, its ports and both its domains name the same interfaces, so many. */
  async function agrees(id: string, count: number): Promise<Port[]> {
    const { addresses } = await active(cloud.demo, id)
    const ports = await portsOf(id)
    assert.equal(ports.length, count, `server ${NAMES[ids.indexOf(id)]}: ${JSON.stringify(ports)}`)
    assert.deepEqual(await attachments(id), ports.map((port) => port.id).sort())
    assert.equal(Object.values(addresses).flat().length, count)
    const macs = ports.map(({ mac_address }) => mac_address).sort()
    assert.deepEqual(await macsIn(id), macs)
    assert.deepEqual(await macsIn('--inactive', id), macs)
    return ports
  }

  /** What was interrupted goes on beside us: in the end all agree. */
  async function agreed(counts: Counts): Promise<void> {
    let why: unknown
    const attempt = async (): Promise<true | undefined> => {
      try {
        await look(counts)
        return true
      } catch (error) {
        why = error
        return undefined
      }
    }
    if (!(await until(240, attempt, 500))) throw why
  }

  /** Nothing but what the servers have is on the host, and all of that. */
  async function look(counts: Counts): Promise<void> {
    const ports: Port[] = []
    for (const [index, id] of ids.entries()) ports.push(...(await agrees(id, counts[index]!)))
    const expected = ports.map(({ id }) => id).sort()
    assert.deepEqual(await tapPorts(), expected)
    assert.deepEqual(await filteredPorts(), expected)
    for (const { id } of ports) await isWired(id)
    const free = await cloud.demo.ask<{ port: Port }>({ path: `/network/v2.0/ports/${given}` })
    assert.equal(free.port.device_id, counts[0] === 2 ? ids[0] : '')
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
  }

  const tapPorts = async (): Promise<string[]> => {
    const links = JSON.parse((await run('ip', ['-json', 'link', 'show'])).stdout) as { ifalias?: string }[]
    const label = `kilonova:${tag}:port:`
    return links.flatMap(({ ifalias = '' }) => (ifalias.startsWith(label) ? [ifalias.slice(label.length)] : [])).sort()
  }

  const filteredPorts = async (): Promise<string[]> => {
    const { nftables } = JSON.parse((await run('nft', ['-j', 'list', 'chains'])).stdout) as {
      nftables: { chain?: { table: string; name: string } }[]
    }
    const chains = nftables.flatMap(({ chain }) => (chain?.table === `kn_${tag}` ? [chain.name] : []))
    return [...new Set(chains.flatMap((name) => /^ingress-(.*)$/.exec(name)?.[1] ?? []))].sort()
  }

  const isWired = async (port: string): Promise<void> => {
    const { stdout } = await run('ip', ['-json', 'link', 'show', 'dev', `tap${port.slice(0, 11)}`])
    const [link] = JSON.parse(stdout) as [{ master?: string; operstate?: string }]
    assert.deepEqual([link.master?.slice(0, 3), link.operstate], ['brq', 'UP'], port)
  }

  interface Round {
    name: string
    failpoints?: string[]
    death?: Omit<Death, 'armed'>
    work: ((id: string) => Promise<void>)[]
    counts: Counts
  }

  const crash = (...places: string[]): string[] => places.map((place) => `${place}:crash`)
  const rounds: Round[] = [
    {
      name: 'attaching, at each place of each step',
      failpoints: crash(`${ATTACH}.port:before`, `${ATTACH}.port:effect`, `${ATTACH}.device:effect`),
      work: [attach, attach, attach],
      counts: [2, 2, 2],
    },
    {
      name: 'detaching, at each place of each step',
      failpoints: crash(`${DETACH}.device:before`, `${DETACH}.device:effect`, `${DETACH}.port:effect`),
      work: [detach, detach, detach],
      counts: [1, 1, 1],
    },
    {
      name: 'attaching in vain, at each undo',
      failpoints: [
        `${ATTACH}.device:effect:error:2`,
        ...crash(`${ATTACH}.device.undo:effect`, `${ATTACH}.port.undo:effect`),
      ],
      work: [attach, attach],
      counts: [1, 1, 1],
    },
    {
      name: 'attaching, with filters and without a device',
      death: { path: ['^commit .*compute_servers network_.*network_ports', '^nft -f', '^ip -batch'], when: 'before' },
      work: [attach],
      counts: [2, 1, 1],
    },
    {
      name: 'detaching in vain, at its undo',
      failpoints: [`${DETACH}.port:before:error`, ...crash(`${DETACH}.device.undo:effect`)],
      work: [detach],
      counts: [2, 1, 1],
    },
    {
      name: 'detaching, with filters and without a device',
      death: { path: ['^ip link del dev tap'], when: 'begun' },
      work: [detach],
      counts: [1, 1, 1],
    },
  ]

  let last: Counts = [1, 1, 1]
  for (const { name, failpoints, death, work, counts } of rounds) {
    it(name, async () => {
      await cloud.kill()
      const armed = join(cloud.state.path, 'armed')
      await rm(armed, { force: true })
      await start(death ? dyingAt({ ...death, armed }) : { KILONOVA_FAILPOINT: failpoints!.join(',') })
      await agreed(last)
      for (const id of ids) {
        await booted(cloud.demo, id) // who does not listen yet lets go of nothing
        if (!firstMac.has(id)) firstMac.set(id, (await portsOf(id))[0]!.mac_address)
      }
      await writeFile(armed, '')
      await Promise.all(work.map((one, index) => one(ids[index]!)))
      last = counts
      await dies()
    })
  }

  it('agree in the end, and leave nothing but the given port', async () => {
    await cloud.kill()
    await start()
    await agreed(last)
    for (const id of ids) await removeServer(cloud.demo, id)
    assert.deepEqual([await tapPorts(), await filteredPorts()], [[], []])
    const { ports } = await cloud.demo.ask<{ ports: Port[] }>({ path: '/network/v2.0/ports?device_owner=' })
    assert.deepEqual(
      ports.map(({ id }) => id),
      [given],
    )
    const { orphans, unchecked } = await cloud.audit()
    assert.deepEqual([orphans, unchecked], [[], []])
  })
})
