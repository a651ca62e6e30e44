// What the API shows, beside what the model says; and what must be left when all is deleted: nothing.
import assert from 'node:assert/strict'
import { assertWhole } from '../server-oracle.ts'
import type { Model, Server } from './model.ts'
import { claimed, HOSTS, nothing, portsOf, used } from './model.ts'
import type { ModelCloud } from './model-cloud.ts'

const STATUS: Record<string, string> = {
  ...{ active: 'ACTIVE', stopped: 'SHUTOFF', paused: 'PAUSED', suspended: 'SUSPENDED', rescued: 'RESCUE' },
  ...{ resized: 'VERIFY_RESIZE', shelved: 'SHELVED', shelved_offloaded: 'SHELVED_OFFLOADED', error: 'ERROR' },
}

/** Turns in which what network says of addresses may still be on its way. */
const PATIENCE = 30

export async function compare(model: Model, cloud: ModelCloud): Promise<void> {
  for (let turn = 1; ; turn++) {
    const [shown, believed] = [await shownBy(cloud), believedBy(model)]
    try {
      assert.deepEqual(shown, believed)
      return
    } catch (error) {
      if (turn === PATIENCE) throw error
      await cloud.world.run(cloud.world.clock.sleep(10))
      await cloud.world.run(cloud.world.told())
    }
  }
}

interface ShownServer {
  id: string
  status: string
  locked: boolean
  flavor: { original_name: string }
  addresses: Record<string, { addr: string }[]>
  'OS-EXT-STS:vm_state': string
  'OS-EXT-STS:task_state': string | null
  'OS-EXT-SRV-ATTR:host': string | null
}

interface ShownPort {
  id: string
  device_id: string
  device_owner: string
  fixed_ips: { ip_address: string }[]
  security_groups: string[]
}

async function shownBy(cloud: ModelCloud): Promise<object> {
  const { servers } = await cloud.must('GET /compute/v2.1/servers/detail?all_tenants=1', { as: 'admin' })
  const { ports } = await cloud.must('GET /network/v2.0/ports')
  const { floatingips } = await cloud.must('GET /network/v2.0/floatingips')
  const { security_groups: groups } = await cloud.must('GET /network/v2.0/security-groups')
  const { limits } = await cloud.must('GET /compute/v2.1/limits')
  const claims = await Promise.all(HOSTS.map((host) => claimedOn(cloud, host)))
  const { totalInstancesUsed: instances, totalCoresUsed: cores, totalRAMUsed: ram } = limits.absolute
  return {
    servers: byId((servers as ShownServer[]).map(serverShown)),
    ports: byId((ports as ShownPort[]).filter(isUsers).map((port) => portShown(cloud, port))),
    floatings: byId(floatingips.map((one: FloatingShown) => floatingShown(one))),
    groups: groups.map(({ name }: { name: string }) => name).toSorted(),
    used: { instances, cores, ram },
    claims,
  }
}

const byId = <T extends { id: string }>(things: T[]): T[] => things.toSorted((a, b) => a.id.localeCompare(b.id))

function serverShown(shown: ShownServer): { id: string } {
  const { id, status, locked, flavor, addresses } = shown
  const addrs = Object.values(addresses).flat()
  return {
    ...{ id, status, locked, flavor: flavor.original_name, host: shown['OS-EXT-SRV-ATTR:host'] },
    ...{ passing: shown['OS-EXT-STS:task_state'], addresses: addrs.map(({ addr }) => addr).toSorted() },
  } as { id: string }
}

const isUsers = ({ device_owner: owner }: ShownPort): boolean => !owner.startsWith('network:')

function portShown(cloud: ModelCloud, { id, device_id, fixed_ips, security_groups: groups }: ShownPort) {
  const own = groups.filter((group) => group !== cloud.defaultGroup)
  return {
    id,
    server: device_id || null,
    address: fixed_ips.map((one) => one.ip_address).join(),
    groups: own.toSorted(),
  }
}

interface FloatingShown {
  id: string
  port_id: string | null
  floating_ip_address: string
}

const floatingShown = ({ id, port_id: port, floating_ip_address: address }: FloatingShown) => ({ id, port, address })

async function claimedOn({ world }: ModelCloud, host: string): Promise<number> {
  const { nodeId } = world.hosts.find(({ name }) => name === host)!
  const claims = [...(await world.compute.placement.allAllocations()).values()]
  return claims.reduce((sum, claim) => sum + (claim[nodeId]?.['VCPU'] ?? 0), 0)
}

function believedBy(model: Model): object {
  return {
    servers: byId(model.servers.map((server) => serverBelieved(model, server))),
    ports: byId(
      model.ports.map(({ id, server, address, groups }) => ({ id, server, address, groups: groups.toSorted() })),
    ),
    floatings: byId(model.floatings.map(({ id, port, address }) => ({ id, port, address }))),
    groups: ['default', ...model.groups.map(({ name }) => name)].toSorted(),
    used: used(model),
    claims: HOSTS.map((host) => claimed(model, host)),
  }
}

function serverBelieved(model: Model, server: Server): { id: string } {
  const { id, state, locked, flavor, place } = server
  const ports = portsOf(model, server)
  const floating = ports.flatMap((port) => model.floatings.filter((one) => one.port === port.id))
  const addresses = [...ports, ...floating].map(({ address }) => address).toSorted()
  return {
    ...{ id, status: STATUS[state], locked, flavor, host: place?.host ?? null },
    ...{ passing: null, addresses },
  } as { id: string }
}

/** Every invariant holds; then all is deleted, and nothing is left. */
export async function empty(model: Model, cloud: ModelCloud): Promise<void> {
  await cloud.mended()
  await assertWhole(cloud.world)
  for (const { id } of model.floatings) await cloud.must(`DELETE /network/v2.0/floatingips/${id}`)
  for (const { id } of model.servers) {
    await cloud.must(`DELETE /compute/v2.1/servers/${id}`, { as: 'admin' })
    await cloud.settled(id)
  }
  for (const { id, own } of model.ports) if (!own) await cloud.must(`DELETE /network/v2.0/ports/${id}`)
  for (const { id } of model.groups) await cloud.must(`DELETE /network/v2.0/security-groups/${id}`)
  await assertWhole(cloud.world)
  await cloud.world.assertEmpty()
  await compare(nothing(), cloud)
}
