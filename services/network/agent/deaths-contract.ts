// What every network backend must survive: the death of its process between any two deeds of routers' and floating work.
import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import type { RouterPort, WantedState, WiredNetwork, WiredRouter } from './protocol.ts'
import { aNetwork, aPort, aRouter, aSubnet, newId, newMac, nothing } from './test-bed.ts'
import { Deaths, type MortalHost, type Passage } from './testing-deaths.ts'

type State = Omit<WantedState, 'generation'>

const leg = (network: WiredNetwork, addresses: string[]): RouterPort => ({
  portId: newId(),
  networkId: network.id,
  macAddress: newMac(),
  fixedIps: addresses.map((ipAddress, index) => ({ subnetId: network.subnets[index]!.id, ipAddress })),
})

/** Router and floating work one after the other; the last passage leads back to the first state. */
function passages(): { first: State; all: Passage[] } {
  const slaac = { enableDhcp: false, ipv6AddressMode: 'slaac', ipv6RaMode: 'slaac' } as const
  const inner = aNetwork(
    [
      aSubnet('10.79.0.0/24', { gatewayIp: '10.79.0.1', enableDhcp: false }),
      aSubnet('fd79::/64', { gatewayIp: 'fd79::1', ...slaac }),
    ],
    [],
  )
  const outside = aNetwork([aSubnet('198.18.79.0/24', { gatewayIp: '198.18.79.1', enableDhcp: false })], [])
  const port = aPort(inner, ['10.79.0.11'])
  const first: State = { ...nothing, networks: [inner], ports: [port] }
  const external = { id: outside.id, gatewayCidrs: ['198.18.79.1/24'] }
  const gateway = { ...leg(outside, ['198.18.79.20']), enableSnat: true }
  const floating = { id: newId(), floatingIp: '198.18.79.30', fixedIp: '10.79.0.11' }

  const inside = aRouter({ interfaces: [leg(inner, ['10.79.0.1', 'fd79::1'])] })
  const open = { ...inside, gateway }
  const led = { ...open, floatingIps: [floating] }
  const ledElsewhere = { ...open, floatingIps: [{ ...floating, fixedIp: '10.79.0.12' }] }
  const bare = { ...open, interfaces: [] }

  const onlyInside = (router: WiredRouter): State => ({ ...first, routers: [router] })
  const withOutside = (router: WiredRouter): State => ({
    ...first,
    networks: [inner, outside],
    external: [external],
    routers: [router],
  })
  const told = (router: WiredRouter) => [{ kind: 'router' as const, router }]
  const toldOutside = [{ kind: 'network' as const, network: outside, external }]
  return {
    first,
    all: [
      { name: 'an interface is added', changes: told(inside), to: onlyInside(inside) },
      { name: 'the gateway is set', changes: [...toldOutside, ...told(open)], to: withOutside(open) },
      { name: 'a floating address is led to a port', changes: told(led), to: withOutside(led) },
      { name: 'it is led elsewhere', changes: told(ledElsewhere), to: withOutside(ledElsewhere) },
      { name: 'it leads nowhere', changes: told(open), to: withOutside(open) },
      { name: 'the interface is removed', changes: told(bare), to: withOutside(bare) },
      {
        name: 'the gateway is cleared',
        changes: [...told({ ...bare, gateway: null }), { kind: 'network-gone', id: outside.id }],
        to: onlyInside({ ...bare, gateway: null }),
      },
      { name: 'the router is deleted', changes: [{ kind: 'router-gone', id: inside.id }], to: first },
    ],
  }
}

export function deathsContract(name: string, host: MortalHost): void {
  suite(`deaths of an agent on ${name}`, () => {
    const { first, all } = passages()
    let deaths: Deaths
    before(async () => {
      deaths = await Deaths.begin(host)
    })
    after(() => deaths?.end())

    for (const [index, passage] of all.entries())
      test(`while ${passage.name}`, async (t) => {
        const count = await deaths.through(all[index - 1]?.to ?? first, passage)
        assert.ok(count > 1, `it died only ${count} times`)
        t.diagnostic(`died ${count} times`)
      })
  })
}
