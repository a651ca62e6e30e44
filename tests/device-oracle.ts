// The invariants of whole devices: each is claimed by the server that has it, and is what the server's record says.
import type { GuestDisk } from '@kilonova/compute/agent/guest-spec'
import { claimedDisks } from '@kilonova/compute/conductor/isolated-disks'
import type { ServerRow } from '@kilonova/compute/schema/tables'
import type { Allocations } from '@kilonova/placement/client'
import type { ServerWorld } from './server-world.ts'

const CLASS = 'CUSTOM_DISK_ISOLATED'

/** Whether the flavor wants one for the root disk. */
export const wantsDevice = (flavor: { extraSpecs?: Record<string, string> }): boolean =>
  flavor.extraSpecs?.[`resources:${CLASS}`] === '1'

/** A claim without its units of whole devices. */
export function besideDevices(claim: Allocations): Allocations {
  return Object.fromEntries(Object.entries(claim).filter(([, amounts]) => !(CLASS in amounts)))
}

/** Once no task works on any server. */
export async function deviceProblems(world: ServerWorld, servers: readonly ServerRow[]): Promise<string[]> {
  const living = servers.filter(({ deleted_at, host }) => deleted_at === null && host !== null)
  const problems: string[] = []
  for (const { name, storage } of world.hosts) {
    for (const { id, guest } of await world.run(storage.holdings())) {
      const owner = living.find((row) => row.id === guest && row.host === name)
      if (!owner) problems.push(`the device ${id} of ${name} is the disk of ${guest}, which is not there`)
    }
  }
  for (const row of living.filter(({ flavor_json: flavor }) => wantsDevice(JSON.parse(flavor)))) {
    problems.push(...(await problemsOf(world, row)).map((problem) => `server ${row.id} (${row.vm_state}) ${problem}`))
  }
  return problems
}

async function problemsOf({ compute, hosts }: ServerWorld, row: ServerRow): Promise<string[]> {
  const { isolatedDisks: claimed = [] } = await claimedDisks(compute, row)
  if (claimed.length !== 1) return [`claims ${claimed.length} devices`]
  const made = hosts.find(({ name }) => name === row.host)!.storage.disks(row.id)
  const foreign = made.filter(({ source }) => source.kind === 'block' && source.path !== claimed[0])
  const problems = foreign.map(({ source }) => `has ${source.path} and claims ${claimed[0]}`)
  if (row.vm_state === 'error') return problems
  const rooted = (disks: readonly GuestDisk[]): string => {
    const root = disks.find(({ role }) => role === 'root')
    return `${root?.source.path} ${root?.generation ?? 'as it was made first'}`
  }
  const [recorded, there] = [rooted(JSON.parse(row.disks_json)), rooted(made)]
  return recorded === there ? problems : [...problems, `has the disk ${there} while its record says ${recorded}`]
}
