// What to do about a server in its state. Pure: from the facts alone.
import type { ExplainedOperation, ExplainedServer, Explanation } from './explanation.ts'

export type Facts = Omit<Explanation, 'advice'>

const ROOM: ReadonlySet<string> = new Set(['resources', 'isolated disks', 'claim'])

const BY_FILTER: Record<string, string> = {
  'isolated disks': 'Choose a flavor with a smaller root disk, or free a device: deleting its server does.',
  'traits and classes': 'Use a flavor or an image that asks for others, or add a host that has them.',
  'requested host': 'Name another host, or none.',
  resources: 'Choose a smaller flavor (openstack flavor list), delete servers that are not needed, or add a host.',
  AvailabilityZone: 'Name a zone that has hosts, or none: openstack availability zone list.',
  ComputeFilter: 'Bring up or enable compute hosts: openstack compute service list.',
  ImagePropertiesFilter: 'Use an image whose properties (hw_architecture and the like) a host can serve.',
  ComputeCapabilitiesFilter: "Use a flavor whose extra specs a host's capabilities meet.",
  AggregateInstanceExtraSpecsFilter:
    'Put a host into an aggregate that says what the flavor asks: openstack aggregate add host.',
  ServerGroupAntiAffinityFilter: 'Add a host, or use a server group with the policy soft-anti-affinity.',
  ServerGroupAffinityFilter: 'Make room on the host of the server group, or use the policy soft-affinity.',
}

export function adviceOf(facts: Facts): string[] {
  const { server, host } = facts
  if (server.deleted_at !== null) return ['Nothing: it has been deleted.']
  const advice = facts.stalled === null ? ofOperation(facts) : whileStalled(facts, facts.stalled)
  if (host && !host.up) advice.push(`Look at the host ${host.name}, which does not report: ./kilonova doctor there.`)
  if (advice.length > 0) return advice
  return server.status === 'ERROR' ? ofFault(facts) : ['Nothing: all is well with it.']
}

function whileStalled({ host }: Facts, disk: string): string[] {
  return [
    `Its guest stands still: the host ${host?.name} has no room for what it writes to ${disk}. Nothing of it is lost.`,
    `Make room there (df, ./kilonova doctor): then it goes on by itself, within stalled_guests_poll_interval.`,
  ]
}

function ofOperation(facts: Facts): string[] {
  const { server, operation } = facts
  if (isPassing(server) && !isUnderWay(operation)) {
    return [
      'No operation works on it although its state is a passing one: ./kilonova audit lists this too.',
      `Delete it, which is possible in every state: openstack server delete ${server.id}.`,
    ]
  }
  if (operation === null) return []
  if (operation.state === 'stuck') {
    return [
      ...cures(facts),
      `Mend what its error says, then let it go on: ./kilonova tasks retry ${operation.id}.`,
      `Or delete the server: openstack server delete ${server.id}.`,
    ]
  }
  if (operation.state === 'waiting') return ['Wait: it begins when the operation before it has been undone.']
  if (operation.state === 'running') return [whileRunning(operation)]
  return operation.state === 'undone' ? [...cures(facts), ...afterFailure(server)] : []
}

export function isPassing({
  vm_state: vmState,
  task_state: taskState,
  deleted_at: deletedAt,
}: ExplainedServer): boolean {
  return deletedAt === null && (vmState === 'building' || taskState !== null)
}

function isUnderWay(operation: ExplainedOperation | null): boolean {
  return operation !== null && ['running', 'waiting', 'stuck'].includes(operation.state)
}

function whileRunning({ direction, reason, deadline_at: deadline }: ExplainedOperation): string {
  const why = reason === null ? '' : ` (${reason})`
  if (direction === 'undo') return `Wait: it failed and is being undone${why}.`
  return `Wait: it is under way${why}; if it has not ended by ${deadline} it is undone.`
}

/** More room would not help where no host suits, nor another request where those that suit are full. */
function matters(filter: string, lack: Facts['lack']): boolean {
  const isRoom = ROOM.has(filter)
  if (lack === 'no_host_up') return filter === 'ComputeFilter'
  return lack === null || isRoom === (lack === 'no_capacity')
}

/** For a failed placement by what removed hosts, for the rest what the fault itself says. */
function cures({ operation, placement, lack }: Facts): string[] {
  const removed = (placement ?? []).filter(({ filter }) => matters(filter, lack))
  const known = removed.flatMap(({ filter }) => BY_FILTER[filter] ?? [])
  if (known.length > 0) return known
  return operation?.error?.mend ? [operation.error.mend] : []
}

function afterFailure({ id, status, vm_state: vmState }: ExplainedServer): string[] {
  if (vmState !== 'error') return [`It is ${status} again; ask for the operation once more when the cause is gone.`]
  return [`Then delete it and make it anew: openstack server delete ${id}.`]
}

function ofFault({ server, fault }: Facts): string[] {
  const why = fault ? 'Mend what the fault says' : 'Nothing is recorded of what failed'
  return [`${why}; then delete it and make it anew: openstack server delete ${server.id}.`]
}
