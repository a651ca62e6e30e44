// The networks of a new cloud: `private` for the projects demo and admin, `public` outside, a router between them.
import { adminContext } from '@kilonova/base/context'
import { isDuplicate } from '@kilonova/store/store'
import type { Network } from './network.ts'
import { tables } from './network.ts'
import { insertNetwork } from './networks/write.ts'
import { ownBinding } from './ports/binding.ts'
import { insertPort } from './ports/insert.ts'
import { setGateway } from './routers/gateway.ts'
import { insertRouter } from './routers/write.ts'
import { insertSubnet } from './subnets/write.ts'

export interface NetworkBootstrap {
  demoProjectId: string
  adminProjectId: string
  /** Such as `10.0.0.0/24`. */
  privateCidr: string
  /** Unused on the host, such as `172.24.4.0/24`: the host holds its first address. Looked for only if it is needed. */
  publicCidr: string | (() => Promise<string>)
  /** What guests ask for names; none: the DHCP server's own. */
  dnsNameservers?: string[]
}

const DONE = 'networks'

/** Made once: what an operator removes or changes later stays so. May run at each start. */
export async function bootstrapNetwork(network: Network, wish: NetworkBootstrap): Promise<void> {
  const known = () =>
    tables(network).selectFrom('network_bootstrapped').select('name').where('name', '=', DONE).executeTakeFirst()
  if (await known()) return
  const publicCidr = typeof wish.publicCidr === 'string' ? wish.publicCidr : await wish.publicCidr()
  try {
    await network.store.transaction(async () => {
      await tables(network).insertInto('network_bootstrapped').values({ name: DONE }).execute()
      await makeNetworks(network, { ...wish, publicCidr })
    })
  } catch (error) {
    if (!(isDuplicate(error) && (await known()))) throw error
  }
}

async function makeNetworks(network: Network, wish: NetworkBootstrap & { publicCidr: string }): Promise<void> {
  const { demoProjectId: demo, adminProjectId: admin, privateCidr, publicCidr, dnsNameservers } = wish
  const inside = await insertNetwork(network, demo, { name: 'private' })
  await tables(network).insertInto('network_grants').values({ network_id: inside.id, project_id: admin }).execute()
  const subnet = await insertSubnet(network, inside, demo, {
    name: 'private-subnet',
    network_id: inside.id,
    ip_version: 4,
    cidr: privateCidr,
    ...(dnsNameservers ? { dns_nameservers: dnsNameservers } : {}),
  })
  const outside = await insertNetwork(network, admin, { name: 'public', 'router:external': true })
  await insertSubnet(network, outside, admin, {
    name: 'public-subnet',
    network_id: outside.id,
    ip_version: 4,
    cidr: publicCidr,
    enable_dhcp: false,
  })
  const router = await insertRouter(network, demo, { name: 'router1' })
  await setGateway(network, { context: adminContext() }, router, { network_id: outside.id })
  await insertPort(network, inside, {
    projectId: demo,
    device_id: router.id,
    device_owner: 'network:router_interface',
    ...(await ownBinding(network)),
    fixedIps: [{ subnet_id: subnet.id, ip_address: subnet.gateway_ip! }],
  })
  await network.changes.touch({ networks: [inside.id, outside.id], routers: [router.id] })
}
