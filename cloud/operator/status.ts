// What runs, in numbers.
import { adminContext } from '@kilonova/base/context'
import type { HostOverview } from '@kilonova/compute/explain/overview'
import { hostOverviews, serverCounts } from '@kilonova/compute/explain/overview'
import type { Parts } from '../parts.ts'
import { VERSION } from '../running-cloud.ts'
import type { Operator } from './operator.ts'

export interface CloudStatus {
  version: string
  roles: readonly string[]
  hosts: HostOverview[]
  /** By status. */
  servers: Record<string, number>
  images: number
  networks: number
  tasks: { live: number; stuck: number }
  /** What `virsh -c` takes; null with fake hosts. */
  libvirt_uri: string | null
}

export async function cloudStatus({ parts, hosts, roles }: Operator): Promise<CloudStatus> {
  const { compute, image, tasks } = parts
  const live = await tasks.list({ live: true })
  const stuck = live.filter(({ state }) => state === 'stuck').length
  return {
    version: VERSION,
    roles,
    hosts: await hostOverviews(compute),
    servers: await serverCounts(compute),
    images: (await image.client.list(adminContext())).length,
    networks: await countNetworks(parts),
    tasks: { live: live.length - stuck, stuck },
    libvirt_uri: (await hosts.libvirt?.uri()) ?? null,
  }
}

async function countNetworks({ store }: Parts): Promise<number> {
  const { count } = await store
    .as<{ network_networks: { id: string } }>()
    .selectFrom('network_networks')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}
