import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { pick, seededRandom } from '@kilonova/base/random'
import { eligible, passing, ranked } from './choose.ts'
import type { Filter, HostAggregate, HostState, SchedulingRequest, ServerGroup } from './host-state.ts'
import type { Search } from './host-table.ts'
import { HostTable } from './host-table.ts'
import { enabledFilters, enabledWeighers } from './registry.ts'
import { FILTER_OPTIONS, flavor, host, image, request } from './testing.ts'

const NAMES = [
  ...['ComputeFilter', 'ComputeCapabilitiesFilter', 'ImagePropertiesFilter', 'ServerGroupAntiAffinityFilter'],
  ...['ServerGroupAffinityFilter', 'AggregateInstanceExtraSpecsFilter', 'AggregateMultiTenancyIsolation'],
  ...['DifferentHostFilter', 'SameHostFilter', 'JsonFilter', 'AggregateTypeAffinityFilter', 'IoOpsFilter', 'Odd'],
]
/** It says nothing of what it reads. */
const odd: Filter = {
  name: 'Odd',
  judge: ({ numIoOps }, { metadata }) => (metadata['odd'] && numIoOps === 3 ? 'x' : undefined),
}
const filters = enabledFilters(
  {
    ...FILTER_OPTIONS,
    ...{ enabled_filters: NAMES, enable_isolated_aggregate_filtering: true },
    ...{ limit_tenants_to_placement_aggregate: false, placement_aggregate_required_for_tenants: false },
  },
  [odd],
)
const MULTIPLIERS = {
  ...{ ram_weight_multiplier: 1, cpu_weight_multiplier: 1, disk_weight_multiplier: 0.5 },
  ...{ hypervisor_version_weight_multiplier: 1, io_ops_weight_multiplier: -1, num_instances_weight_multiplier: 0 },
  ...{ soft_affinity_weight_multiplier: 1, soft_anti_affinity_weight_multiplier: 1 },
  ...{ build_failure_weight_multiplier: 1000, image_props_weight_multiplier: 1 },
}
const weighers = enabledWeighers({
  ...MULTIPLIERS,
  ...{ image_props_weight_setting: [], weight_classes: ['all_weighers'] },
})

/** Hosts and requests by lot, and the choice among them made in two ways. */
class Lottery {
  readonly #random
  readonly rooms = new Map<string, boolean>()
  constructor(seed: number) {
    this.#random = seededRandom(seed)
  }

  one<T>(...values: T[]): T {
    return pick(this.#random, values)
  }

  host(name: string): HostState {
    const all: HostAggregate[] = [
      { name: 'a', metadata: { ssd: 'true' } },
      { name: 'b', metadata: { filter_tenant_id: 'other' } },
      { name: 'c', metadata: { instance_type: 'm1.nano', ram_weight_multiplier: '3' } },
    ]
    const aggregates = all.filter(() => this.one(true, false, false))
    this.rooms.set(name, this.one(true, true, false))
    return host(name, {
      ...{ up: this.one(true, true, true, false), disabledReason: this.one(null, null, 'repair'), aggregates },
      ...{ zone: this.one('nova', 'far'), memoryMbUsed: this.one(0, 512, 4096), vcpusUsed: this.one(0, 1, 7) },
      ...{ localGbUsed: this.one(0, 50), numIoOps: this.one(0, 3, 9), numInstances: this.one(0, 4) },
      ...{ failedBuilds: this.one(0, 0, 1), hypervisorType: this.one('QEMU', 'KVM') },
      imageProperties: [{ os: this.one('linux', 'bsd') }],
    })
  }

  group(): ServerGroup | null {
    const policies = ['affinity', 'anti-affinity', 'soft-affinity', 'soft-anti-affinity'] as const
    const others = this.one<Record<string, number>>({}, { h1: 1, h2: 2 }, { h3: 1, h9: 1 })
    return this.one(null, { id: 'g', policy: pick(this.#random, policies), maxServerPerHost: this.one(1, 2), others })
  }

  request(): SchedulingRequest {
    const specs = this.one<Record<string, string>>(
      {},
      { 'aggregate_instance_extra_specs:ssd': 'true' },
      { 'capabilities:hypervisor_type': 'KVM' },
      { 'capabilities:vcpus_used': '< 5' },
    )
    return request({
      ...{ flavor: flavor(specs), zone: this.one(null, null, 'far'), group: this.group() },
      image: this.one(null, image({ os: 'linux' }), image({ hw_architecture: 'aarch64' })),
      ...{ differentHosts: this.one([], ['h1']), sameHosts: this.one(null, null, null, ['h2', 'h5']) },
      ...{
        hints: this.one({}, {}, { query: '["<", "$num_instances", 3]' }),
        metadata: this.one<Record<string, string>>({}, { odd: 'yes' }),
      },
      ...{ ignoreHosts: this.one([], ['h4']), destination: this.one(null, null, null, 'h6') },
      forcedHost: this.one(null, null, null, null, 'h7'),
    })
  }

  search(): Search {
    const has = ({ host: name }: HostState): boolean => this.rooms.get(name)!
    return { request: this.request(), filters, weighers, room: { key: 'one', has }, without: this.one([], ['h8']) }
  }
}

/** Without anything that is kept. */
function plainly(hosts: readonly HostState[], { request: asked, room, without }: Search) {
  const roomy = hosts.filter((one) => room.has(one) && !without.includes(one.host))
  return ranked(passing(eligible(roomy, asked).hosts, asked, filters).hosts, asked, weighers)
}

describe('the table of hosts', () => {
  for (let seed = 1; seed <= 20; seed++) {
    it(`finds what a plain search finds, while hosts come, change and go (seed ${seed})`, () => {
      const lots = new Lottery(seed)
      const table = new HostTable()
      const hosts = new Map<string, HostState>()
      for (let turn = 0; turn < 150; turn++) {
        const name = `h${lots.one(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)}`
        const state = lots.host(name)
        if (lots.one(true, true, true, true, false)) hosts.set(name, state)
        else hosts.delete(name)
        table.change(hosts.has(name) ? [state] : [], hosts.has(name) ? [] : [name])
        if (lots.one(true, false)) {
          lots.rooms.set('h5', lots.one(true, false))
          table.roomChanged(lots.one<Set<string> | 'all'>(new Set(['h5']), 'all'))
        }
        const search = lots.search()
        const expected = plainly([...hosts.values()], search)
        if (lots.one(true, false)) while (!table.judge(search, 3));
        assert.equal(table.best(search)?.host, expected[0]?.host.host)
        assert.deepEqual(table.ranked(search), expected)
      }
    })
  }

  it('asks filters that say what they read once for each change of a host', () => {
    const asked: string[] = []
    const judge: Filter['judge'] = ({ host: name }) => void asked.push(name)
    const counting = { request: request(), weighers, room: { key: '', has: () => true }, without: [] }
    const search = { ...counting, filters: [{ name: 'Counting', reads: () => '', judge }] }
    const table = new HostTable()
    table.change([host('a'), host('b')], [])
    assert.equal(table.judge(search, 1), false)
    assert.equal(table.judge(search, 1), true)
    for (let i = 0; i < 3; i++) assert.equal(table.best(search)?.host, 'a')
    table.change([host('b', { memoryMb: 16384 })], [])
    assert.equal(table.best(search)?.host, 'b')
    assert.deepEqual(asked, ['a', 'b', 'b'])
  })
})
