// For tests: many callers of a whole cloud's API at once, and what the losers may hold afterwards: nothing.
import assert from 'node:assert/strict'
import type { Fault } from '@kilonova/base/fault'
import { isFault } from '@kilonova/base/fault'
import type { ApiClient } from '@kilonova/cloud/api-client'
import { until } from '@kilonova/cloud/api-client'
import { audit } from '@kilonova/cloud/operator/audit/audit'
import type { FakeCloud, ShownServer } from './fake-cloud.ts'
import { goneServer } from './fake-cloud.ts'

const PATIENCE_SECONDS = 600

export interface Port {
  id: string
  device_id: string
  fixed_ips: { subnet_id: string; ip_address: string }[]
}

/** What came back for those who won, and what the others were told. */
export interface Race<T> {
  won: T[]
  lost: Fault[]
}

/** All at once. Throws what is no answer of the API. */
export async function race<T>(racers: number, run: (racer: number) => Promise<T>): Promise<Race<T>> {
  const ends = await Promise.allSettled(Array.from({ length: racers }, (_, racer) => run(racer)))
  const lost = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
  for (const reason of lost) if (!isFault(reason, 'ApiError')) throw reason
  return { won: ends.flatMap((end) => (end.status === 'fulfilled' ? [end.value] : [])), lost }
}

/** So many won and so many lost, each of them told this. */
export function assertEnds<T>({ won, lost }: Race<T>, wins: number, losses: number, told: [number, RegExp]): void {
  assert.deepEqual([won.length, lost.length], [wins, losses])
  const [status, sentence] = told
  for (const fault of lost)
    assert.deepEqual([fault.status, sentence.test(fault.message)], [status, true], fault.message)
}

export class Racecourse {
  readonly fake: FakeCloud

  constructor(fake: FakeCloud) {
    this.fake = fake
  }

  /** Makes something of network's. */
  async make<T = { id: string }>(kind: string, parts: object, client: ApiClient = this.fake.demo): Promise<T> {
    const path = `/network/v2.0/${kind}s`
    return (await client.ask<Record<string, T>>({ method: 'POST', path, body: { [kind]: parts } }))[kind]!
  }

  /** A network with one subnet. */
  async network(subnet: object): Promise<string> {
    const { id: network_id } = await this.make('network', { name: 'raced' })
    await this.make('subnet', { network_id, ip_version: 4, ...subnet })
    return network_id
  }

  async ports(query: string): Promise<Port[]> {
    return (await this.fake.admin.ask<{ ports: Port[] }>({ path: `/network/v2.0/ports?${query}` })).ports
  }

  async flavor(name: string, extra_specs: Record<string, string>): Promise<string> {
    const post = <T>(path: string, body: object): Promise<T> =>
      this.fake.admin.ask<T>({ method: 'POST', path: `/compute/v2.1/${path}`, body })
    const made = await post<{ flavor: { id: string } }>('flavors', { flavor: { name, ram: 64, vcpus: 1, disk: 1 } })
    await post(`flavors/${made.flavor.id}/os-extra_specs`, { extra_specs })
    return made.flavor.id
  }

  setQuota(limits: Record<string, number>): Promise<unknown> {
    const path = `/compute/v2.1/os-quota-sets/${this.fake.demo.projectId}`
    return this.fake.admin.ask({ method: 'PUT', path, body: { quota_set: limits } })
  }

  /** POSTs a server on the private network; answers its id. */
  async server(parts: object = {}, hints?: object): Promise<string> {
    const { demo, image, flavor, network } = this.fake
    const server = { name: 'racer', imageRef: image, flavorRef: flavor, networks: [{ uuid: network }], ...parts }
    const body = { server, ...(hints ? { 'os:scheduler_hints': hints } : {}) }
    const path = '/compute/v2.1/servers'
    return (await demo.ask<{ server: { id: string } }>({ method: 'POST', path, body })).server.id
  }

  /** What became of the servers of those ids, once none is built any more. */
  async settled(ids: readonly string[]): Promise<ShownServer[]> {
    const path = '/compute/v2.1/servers/detail'
    const settled = await until(PATIENCE_SECONDS, async () => {
      const { servers } = await this.fake.demo.ask<{ servers: ShownServer[] }>({ path })
      return servers.some(({ status }) => status === 'BUILD') ? undefined : servers
    })
    assert.ok(settled, `servers are still being built after ${PATIENCE_SECONDS} s`)
    return settled.filter(({ id }) => ids.includes(id))
  }

  /** All are accepted, one lives; the others failed for that reason and hold nothing. Answers the one. */
  async assertOneLives(racers: number, { won }: Race<string>, why: RegExp): Promise<string> {
    assert.equal(won.length, racers)
    const all = await this.settled(won)
    const [alive = [], failed = []] = [['ACTIVE'], ['ERROR']].map(([wanted]) =>
      all.filter(({ status }) => status === wanted),
    )
    assert.deepEqual([alive.length, failed.length], [1, racers - 1])
    const claims = await this.fake.cloud.parts.compute.placement.allAllocations()
    const holders = new Set((await this.ports('')).map(({ device_id }) => device_id))
    for (const { id, fault } of failed) {
      assert.match(fault!.message, why)
      assert.deepEqual([claims.has(id), holders.has(id)], [false, false])
    }
    const { orphans, checked, unchecked } = await audit(this.fake.cloud.parts)
    assert.deepEqual([orphans, unchecked], [[], []])
    assert.deepEqual(
      [checked['instance-files'], checked['domain']],
      [claims.size, claims.size],
      'nothing else on disks',
    )
    return alive[0]!.id
  }

  async clear(): Promise<void> {
    const { servers } = await this.fake.demo.ask<{ servers: ShownServer[] }>({ path: '/compute/v2.1/servers' })
    for (const { id } of servers) await this.fake.demo.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
    for (const { id } of servers) await goneServer(this.fake, id)
    assert.equal((await this.fake.cloud.parts.compute.placement.allAllocations()).size, 0)
  }
}
