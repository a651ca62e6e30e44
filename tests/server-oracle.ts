// The invariants of servers: all that exists against what the records say, once every operation has ended.

import { isDeepStrictEqual } from 'node:util'
import { lookAtClaims } from '@kilonova/cloud/operator/audit/claims'
import { lookAtGuests } from '@kilonova/cloud/operator/audit/guests'
import { lookAtNetworks } from '@kilonova/cloud/operator/audit/networks'
import { lookAtOperations } from '@kilonova/cloud/operator/audit/operations'
import { lookAtPorts } from '@kilonova/cloud/operator/audit/ports'
import { auditedRecords } from '@kilonova/cloud/operator/audit/records'
import { lookAtSnapshots } from '@kilonova/cloud/operator/audit/snapshots'
import type { GuestState } from '@kilonova/compute/agent/hypervisor'
import { POWER } from '@kilonova/compute/agent/power-state'
import { tables } from '@kilonova/compute/compute'
import type { MigrationRow } from '@kilonova/compute/schema/tables'
import type { AuditedPort } from '@kilonova/network/client'
import type { Allocations } from '@kilonova/placement/client'
import type { Task } from '@kilonova/tasks/task'
import { actionProblems, INTERNAL } from './action-oracle.ts'
import { besideDevices, deviceProblems, wantsDevice } from './device-oracle.ts'
import { claimOfFlavor, localDiskProblems } from './disk-oracle.ts'
import { eventProblems } from './event-oracle.ts'
import { imageProblems } from './image-oracle.ts'
import { isOpen, keptDisks, keptElsewhere, moveProblems } from './move-oracle.ts'
import type { ServerWorld } from './server-world.ts'
import type { WorldHost } from './world-host.ts'

type Row = Awaited<ReturnType<typeof allServers>>[number]

interface Host {
  name: string
  nodeId: string
  guests: GuestState[]
  stored: string[]
  /** The paths of the disks that its files are, and of those that its guest has, by server. */
  paths: Map<string, string[]>
  booted: Map<string, string[]>
  /** Ids of the ports that have a tap. */
  taps: string[]
}

/** All that there is. */
export interface Seen {
  servers: Row[]
  tasks: Task[]
  hosts: Host[]
  claims: Map<string, Allocations>
  /** Of servers. */
  ports: AuditedPort[]
  portStatus: Record<string, string>
  faults: Map<string, { code: number; message: string }>
  migrations: MigrationRow[]
}

const allServers = ({ compute }: ServerWorld) =>
  tables(compute).selectFrom('compute_servers').selectAll().orderBy('number').execute()

/** Turns in which hosts may still do what they were told after a task's end. */
const PATIENCE = 50

/** Throws when an invariant is broken. */
export async function assertWhole(world: ServerWorld): Promise<void> {
  let problems: string[] = []
  for (let turn = 0; turn < PATIENCE; turn++) {
    await world.run(world.told())
    problems = await broken(world)
    if (problems.length === 0) return
    await world.run(world.clock.sleep(1))
  }
  throw new Error(problems.join('\n'))
}

/** One sentence for each invariant that does not hold. */
async function broken(world: ServerWorld): Promise<string[]> {
  const seen = await look(world)
  return [
    ...(await auditProblems(world)),
    ...seen.tasks.flatMap(({ name, state, endedAt }) => (endedAt === null ? [`${name} is ${state}`] : [])),
    ...seen.servers.flatMap((row) => serverProblems(row, seen)),
    ...ownerProblems(seen),
    ...moveProblems({ ...seen, hosts: world.hosts }),
    ...(await quotaProblems(world, seen)),
    ...(await imageProblems(world)),
    ...(await deviceProblems(world, seen.servers)),
    ...(await localDiskProblems(world.compute, seen.servers)),
    ...(await eventProblems(world.compute, seen.servers)),
    ...(await tokenProblems(world, seen)),
    ...(await actionProblems(
      world.compute,
      seen.tasks.filter(({ resource }) => resource?.type === 'server'),
    )),
  ]
}

async function look(world: ServerWorld): Promise<Seen> {
  const { compute, tasks, hosts } = world
  const ports = (await compute.network.allPorts()).filter(({ deviceOwner }) => deviceOwner.startsWith('compute:'))
  const faults = await tables(compute).selectFrom('compute_server_faults').selectAll().orderBy('id').execute()
  return {
    servers: await allServers(world),
    tasks: await tasks.list({ limit: 100_000 }),
    hosts: await world.run(Promise.all(hosts.map(lookAtHost))),
    claims: await compute.placement.allAllocations(),
    ports,
    portStatus: await compute.network.portStatuses(ports.map(({ id }) => id)),
    migrations: await tables(compute).selectFrom('compute_migrations').selectAll().orderBy('id').execute(),
    faults: new Map(faults.map(({ server_id, code, message }) => [server_id, { code, message }])),
  }
}

async function lookAtHost({ name, nodeId, hypervisor, storage, things }: WorldHost): Promise<Host> {
  const taps = [...things.things.values()].filter(({ kind }) => kind === 'tap')
  const [guests, stored] = [await hypervisor.guests(), await storage.guests()]
  const paths = new Map(stored.map((id) => [id, storage.paths(id)]))
  const booted = new Map(guests.map(({ id }) => [id, hypervisor.disksOf(id)]))
  return { name, nodeId, guests, stored, paths, booted, taps: taps.map(({ owner }) => owner) }
}

/** What the operator's own audit finds. */
async function auditProblems(world: ServerWorld): Promise<string[]> {
  const { compute, bus, clock, tasks } = world
  const records = await auditedRecords({ compute, tasks })
  const looked = [
    lookAtOperations(records, clock.now()),
    await world.run(lookAtGuests({ bus }, records)),
    await world.run(lookAtSnapshots({ bus }, records)),
    await world.run(lookAtNetworks({ bus }, records)),
    lookAtPorts(await compute.network.allPorts(), records),
    await lookAtClaims(compute.placement, records),
  ]
  const unchecked = looked.flatMap((one) => one.unchecked ?? [])
  return [
    ...looked.flatMap(({ findings }) => findings.map(({ kind, id, host, why }) => `${kind} ${id} on ${host}: ${why}`)),
    ...unchecked.map(({ what, why }) => `${what} could not be looked at: ${why}`),
  ]
}

const POWER_OF: Record<string, number> = {
  active: POWER.RUNNING,
  stopped: POWER.SHUTDOWN,
  paused: POWER.PAUSED,
  rescued: POWER.RUNNING,
  suspended: POWER.SHUTDOWN,
  'soft-delete': POWER.SHUTDOWN,
  shelved: POWER.SHUTDOWN,
  resized: POWER.RUNNING,
}

/** The server is gone, lives, or failed with a reason; in each case all of it agrees. */
function serverProblems(row: Row, seen: Seen): string[] {
  const { id, vm_state: state, task_state: passing } = row
  const say = (problem: string): string => `server ${id} (${state}) ${problem}`
  if (passing !== null) return [say(`is still ${passing}`)]
  if (row.deleted_at !== null) return state === 'deleted' && row.terminated_at !== null ? [] : [say('is deleted')]
  if (state === 'error') return [...faultProblems(row, seen), ...failedProblems(row, seen)].map(say)
  if (state === 'shelved_offloaded') return offloadedProblems(row, seen).map(say)
  // Its offload failed after its disks were gone: it is tried again.
  if (state === 'shelved' && row.disks_json === '[]') return faultProblems(row, seen).map(say)
  if (state in POWER_OF) return [...livingProblems(row, seen), ...guestProblems(row, seen)].map(say)
  return [say('is in no state in which it may stay')]
}

/** A reason that its user can read, with nothing of our inside. */
function faultProblems({ id, admin_pass }: Row, { faults }: Seen): string[] {
  const fault = faults.get(id)
  if (!fault) return ['has no fault']
  const { code, message } = fault
  const problems: string[] = []
  if (code < 400 || message === '') problems.push(`has the fault ${code} '${message}'`)
  if (INTERNAL.test(message)) problems.push(`tells its user '${message}'`)
  if (admin_pass !== null && message.includes(admin_pass)) problems.push('tells its password')
  return problems
}

/** Without a whole device. */
const claimOf = ({ flavor_json }: Row): Record<string, number> => {
  const flavor = JSON.parse(flavor_json)
  const { DISK_GB, ...rest } = claimOfFlavor(flavor)
  return wantsDevice(flavor) ? rest : { ...rest, DISK_GB }
}

const plannedPorts = ({ networks_json }: Row): string[] =>
  (JSON.parse(networks_json) as { portId: string }[]).map(({ portId }) => portId)

/** A failed server has either all that it had on its host, as far as that is still there, or nothing. */
function failedProblems(row: Row, { claims, ports, hosts }: Seen): string[] {
  const { id, host } = row
  const here = hosts.find(({ name }) => name === host)
  const claimed = besideDevices(claims.get(id) ?? {})
  const same = isDeepStrictEqual(claimed, here ? { [here.nodeId]: claimOf(row) } : {})
  const problems = same ? [] : [`claims ${JSON.stringify(claimed)} while it lives on ${host}`]
  if (host === null && ports.some(({ deviceId }) => deviceId === id)) problems.push('has ports and no host')
  return problems
}

/** It has its ports and its image, and nothing on any host. */
function offloadedProblems({ id, host, networks_json: networks }: Row, { claims, ports }: Seen): string[] {
  const own = ports.filter(({ deviceId }) => deviceId === id)
  return [
    ...(host === null ? [] : [`lives on ${host}`]),
    ...(claims.has(id) ? ['has a claim'] : []),
    ...(own.length === JSON.parse(networks).length ? [] : [`has ${own.length} ports`]),
    ...own.flatMap((port) => (port.host === null ? [] : [`has its port ${port.id} on ${port.host}`])),
  ]
}

function livingProblems(row: Row, { claims, ports, portStatus, hosts, migrations }: Seen): string[] {
  const { id, host } = row
  const here = hosts.find(({ name }) => name === host)
  if (!here) return [`lives on ${host}`]
  const problems: string[] = []
  const claimed = besideDevices(claims.get(id) ?? {})
  const same = Object.entries(claimOf(row)).every(([name, amount]) => claimed[here.nodeId]?.[name] === amount)
  if (!same || Object.keys(claimed).length !== 1) problems.push(`claims ${JSON.stringify(claimed)}`)
  for (const portId of plannedPorts(row)) {
    const port = ports.find((one) => one.id === portId)
    if (port?.deviceId !== id || port.host !== host) problems.push(`has its port ${portId} on ${port?.host}`)
    if (portStatus[portId] !== 'ACTIVE') problems.push(`has its port ${portId} ${portStatus[portId]}`)
    if (!here.taps.includes(portId)) problems.push(`has no tap of its port ${portId} on ${host}`)
  }
  if (JSON.parse(row.network_info_json).length !== plannedPorts(row).length) problems.push('shows other ports')
  if (!here.stored.includes(id)) problems.push(`has no files on ${host}`)
  problems.push(...diskProblems(row, here, keptDisks(migrations, id, here.name)))
  if (row.launched_at === null) problems.push('was never launched')
  if (row.admin_pass !== null) problems.push('keeps its password')
  if (row.files_json !== null) problems.push('keeps its files')
  if ((row.rescue_json !== null) !== (row.vm_state === 'rescued')) problems.push('has a rescue that is none')
  return problems
}

/** Its host has the disks that are recorded and no others; its guest has them, or while it is rescued the rescue's. */
function diskProblems({ id, disks_json, rescue_json }: Row, { name, paths, booted }: Host, kept?: string[]): string[] {
  const own = pathsOf(disks_json)
  const rescue = rescue_json === null ? [] : pathsOf(JSON.stringify(JSON.parse(rescue_json).disks))
  const say = (kind: string, there: readonly string[] = [], wanted: readonly string[]): string[] => {
    const [is, shall] = [there, wanted].map((disks) => [...new Set(disks)].toSorted().join())
    return is === shall ? [] : [`${kind} ${is} on ${name} while its record says ${shall}`]
  }
  const has = rescue_json === null ? own : rescue
  const files = kept ? say('has the files', paths.get(id), [...own, ...rescue, ...kept]) : []
  return [...files, ...say('has a guest with', booted.get(id), has)]
}

const pathsOf = (disks: string): string[] =>
  (JSON.parse(disks) as { source: { path: string } }[]).map(({ source }) => source.path)

/** The record of the power state is what the guest really is. */
function guestProblems({ id, host, vm_state, power_state }: Row, { hosts, migrations }: Seen): string[] {
  const guest = hosts.find(({ name }) => name === host)?.guests.find((one) => one.id === id)
  const move = migrations.findLast((one) => one.server_id === id)
  const wanted = POWER_OF[vm_state === 'resized' ? move!.old_vm_state : vm_state]
  if (guest?.powerState !== wanted) return [`has a guest in power state ${guest?.powerState}`]
  return power_state === wanted ? [] : [`records power state ${power_state}`]
}

/** Each guest, file, tap, port and claim belongs to one server that lives there. */
function ownerProblems({ servers, hosts, ports, claims, migrations }: Seen): string[] {
  const kept = keptElsewhere({ migrations })
  const moving = new Set(migrations.filter(isOpen).map(({ uuid }) => uuid))
  const live = new Map(servers.filter(({ deleted_at }) => deleted_at === null).map((row) => [row.id, row]))
  const planned = new Map([...live.values()].flatMap((row) => plannedPorts(row).map((port) => [port, row])))
  const problems: string[] = []
  for (const { name, guests, stored, taps } of hosts) {
    for (const { id } of guests) if (live.get(id)?.host !== name) problems.push(`guest ${id} on ${name} is nobody's`)
    for (const id of stored)
      if (live.get(id)?.host !== name && !kept.has(`${name} ${id}`))
        problems.push(`files ${id} on ${name} are nobody's`)
    for (const id of taps) if (planned.get(id)?.host !== name) problems.push(`tap of ${id} on ${name} is nobody's`)
  }
  for (const { id, deviceId, host } of ports) {
    const owner = planned.get(id)
    if (owner?.id !== deviceId || owner.host !== host) problems.push(`port ${id} of ${deviceId} on ${host} is nobody's`)
  }
  for (const id of claims.keys()) if (!live.has(id) && !moving.has(id)) problems.push(`the claim of ${id} is nobody's`)
  return problems
}

async function quotaProblems({ commands }: ServerWorld, { servers }: Seen): Promise<string[]> {
  const used = await commands.used()
  const counts = ({ deleted_at, vm_state }: Row) => deleted_at === null && vm_state !== 'soft-delete'
  const live = servers.filter(counts).map(claimOf)
  const sum = (name: string): number => live.reduce((total, claim) => total + claim[name]!, 0)
  const counted = [used.totalInstancesUsed, used.totalCoresUsed, used.totalRAMUsed].join()
  const recounted = [live.length, sum('VCPU'), sum('MEMORY_MB')].join()
  return counted === recounted ? [] : [`the quota's use is ${counted}, the servers use ${recounted}`]
}

/** A console's token has a server. */
async function tokenProblems({ compute }: ServerWorld, { servers }: Seen): Promise<string[]> {
  const live = new Set(servers.filter(({ deleted_at }) => deleted_at === null).map(({ id }) => id))
  const tokens = await tables(compute).selectFrom('compute_console_auth_tokens').select('server_id').execute()
  return tokens.flatMap(({ server_id: id }) => (live.has(id) ? [] : [`a console's token of ${id} is nobody's`]))
}
