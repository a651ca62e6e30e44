// One comparison of all servers of a host with its guests: 200 of them, on a hypervisor that answers in 50 ms.
import { systemClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import type { Cloud } from '@kilonova/cloud/all-in-one'
import type { ApiClient } from '@kilonova/cloud/api-client'
import { until } from '@kilonova/cloud/api-client'
import type { CloudConfig } from '@kilonova/cloud/config'
import { computeAgent } from '@kilonova/compute/agent/agent'
import type { Incident } from '@kilonova/compute/agent/drivers/fake/fake-hypervisor'
import { FakeHypervisor } from '@kilonova/compute/agent/drivers/fake/fake-hypervisor'
import { FakeStorage } from '@kilonova/compute/agent/drivers/fake/fake-storage'
import { Weather } from '@kilonova/compute/agent/drivers/fake/weather'
import { startHostProcess } from '@kilonova/compute/agent/host-process'
import { PowerSync } from '@kilonova/compute/conductor/power-sync'
import type { FakeCloud } from './fake-cloud.ts'
import { SERVERS_PATH, withFakeCloud } from './fake-cloud.ts'
import { figure, publish, timed } from './measure.ts'

const SERVERS = 200
const LATENCY = 50
const RUNS = 5
const HOST = 'bench-1'
/** Events are off, so that nothing but the comparison sees what happens to guests. */
const NO_EVENTS = `handle_virt_lifecycle_events = false
sync_power_state_interval = -1
`

interface Bench {
  cloud: Cloud
  client: ApiClient
  hypervisor: FakeHypervisor
  ids: string[]
}

/** A host whose every call takes its time. */
async function startHost({ parts: { bus, compute } }: Cloud, config: CloudConfig) {
  const weather = new Weather({ latency: LATENCY })
  const hypervisor = new FakeHypervisor({ name: HOST, vcpus: 4096, weather })
  const nothing = async (): Promise<void> => undefined
  const nodeUuid = systemRandom.uuid()
  const agent = computeAgent({
    ...{ hypervisor, storage: new FakeStorage({ weather }), nodeUuid, dhcpDomain: '' },
    ...{ vifs: { plug: nothing, unplug: nothing }, vendorData: async () => ({ static: {}, dynamic: {} }) },
  })
  const common = { host: HOST, bus, clock: systemClock, agent, nodeUuid, imageCache: config.image_cache }
  const host = await startHostProcess({ ...common, options: compute.options })
  await host.reported
  return { host, hypervisor }
}

async function createServers({ client, server: smallest }: FakeCloud): Promise<string[]> {
  const server = { ...smallest, min_count: SERVERS, networks: 'none' }
  await client.ask({ method: 'POST', path: SERVERS_PATH, body: { server } })
  return idsIn(client, 'ACTIVE')
}

/** Once all servers have that status and nothing works on them. */
async function idsIn(client: ApiClient, status: string): Promise<string[]> {
  const path = `${SERVERS_PATH}/detail?limit=1000`
  const ids = await until(180, async () => {
    const { servers } = await client.ask<{ servers: Record<string, string | null>[] }>({ path })
    const there = servers.filter((one) => one['status'] === status && one['OS-EXT-STS:task_state'] === null)
    return there.length === SERVERS ? there.map((one) => one['id']!) : undefined
  })
  if (!ids) throw new Error(`not all servers became ${status}`)
  return ids
}

/** Milliseconds of a comparison after something has happened to every guest. */
async function compareAfter({ cloud, hypervisor, ids }: Bench, what?: Incident): Promise<number> {
  if (what) for (const id of ids) hypervisor.incident(id, what)
  return timed(() => new PowerSync(cloud.parts.compute).host(HOST))
}

async function startAll({ client, ids }: Bench): Promise<void> {
  await idsIn(client, 'SHUTOFF')
  const body = { 'os-start': null }
  for (const id of ids) await client.ask({ method: 'POST', path: `${SERVERS_PATH}/${id}/action`, body })
  await idsIn(client, 'ACTIVE')
}

async function measure(bench: Bench): Promise<void> {
  const [same, changed, off]: [number[], number[], number[]] = [[], [], []]
  for (let run = 0; run <= RUNS; run++) {
    const figures = [await compareAfter(bench), await compareAfter(bench, 'pause')]
    await compareAfter(bench, 'unpause')
    figures.push(await compareAfter(bench, 'poweroff'))
    await startAll(bench)
    if (run === 0) continue // warms up
    for (const [index, values] of [same, changed, off].entries()) values.push(figures[index]!)
  }
  await publish('power-sync', [
    figure(`${SERVERS} servers that are as recorded`, 'ms', same),
    figure('all of them paused behind the cloud', 'ms', changed),
    figure('all of them gone off, until each is being stopped', 'ms', off),
  ])
}

await withFakeCloud({ compute: NO_EVENTS, hosts: 0 }, async (fake) => {
  const { cloud, client, config } = fake
  const { host, hypervisor } = await startHost(cloud, config)
  await measure({ cloud, client, hypervisor, ids: await createServers(fake) })
  await host.stop()
})
