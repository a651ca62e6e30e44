import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRandom } from '@kilonova/base/random'
import { matches } from './extra-spec-operators.ts'
import { allFilters } from './filters/all.ts'
import { availabilityZoneFilter } from './filters/availability-zone-filter.ts'
import type { HostState, SchedulingRequest } from './host-state.ts'
import { neededResources } from './resources.ts'
import type { SpreadOptions } from './spread.ts'
import { spread } from './spread.ts'
import { choose, FILTER_OPTIONS, flavor, host, image, request } from './testing.ts'
import { cpuWeigher, diskWeigher, ramWeigher } from './weighers/free-resources.ts'

const filters = [availabilityZoneFilter, ...allFilters(FILTER_OPTIONS).slice(0, 3)]
const names = (hosts: HostState[], asked: SchedulingRequest): string[] =>
  choose(hosts, asked, { filters, weighers: [{ weigher: ramWeigher, multiplier: 1 }] }).hosts.map(
    ({ host: name }) => name,
  )

describe('operators of extra specs', () => {
  const cases: [string, string, boolean][] = [
    ['6', '>= 4', true],
    ['2', '>= 4', false],
    ['6', '= 4', true],
    ['4', '== 4', true],
    ['5', '!= 4', true],
    ['3', '<= 4', true],
    ['abc', 's== abc', true],
    ['abc', 's!= abc', false],
    ['b', 's> a', true],
    ['a', 's<= a', true],
    ['a', 's< a', false],
    ['xabcx', '<in> abc', true],
    ['aes sse2', '<all-in> aes <all-in> sse2', true],
    ['aes', '<all-in> aes sse2', false],
    ['y', '<or> x <or> y', true],
    ['z', '<or> x <or> y', false],
    ['10', '<range-in> [ 1 10 ]', true],
    ['10', '<range-in> [1 10)', false],
    ['1', '<range-in> ( 1 10 ]', false],
    ['5.5', '<range-in> (1 10)', true],
    ['5', '<range-in> 1 10', false],
    ['many', '<range-in> [ 1 10 ]', false],
    ['c', 's>= b', true],
    ['b', 's>= c', false],
    ['a b', 'a b', true],
    ['many', '>= 4', false],
    ['4', '>=', false],
  ]
  for (const [have, asked, expected] of cases)
    it(`'${have}' against '${asked}'`, () => assert.equal(matches(have, asked), expected))
})

describe('the choice of a host', () => {
  it('ranks by free memory, and packs when the multiplier is negative', () => {
    const hosts = [host('small', { memoryMb: 1024 }), host('large')]
    assert.deepEqual(names(hosts, request()), ['large', 'small'])
    const weighers = [{ weigher: ramWeigher, multiplier: -1 }]
    assert.equal(choose(hosts, request(), { filters, weighers }).hosts[0]!.host, 'small')
  })

  it('sums weighers', () => {
    const hosts = [host('a', { vcpusUsed: 8, localGbUsed: 50 }), host('b', { memoryMbUsed: 600 })]
    const weighted = [ramWeigher, cpuWeigher, diskWeigher].map((weigher) => ({ weigher, multiplier: 1 }))
    assert.deepEqual(
      choose(hosts, request(), { filters, weighers: weighted }).hosts.map((one) => one.host),
      ['b', 'a'],
    )
  })

  it('leaves out hosts that are down, disabled, elsewhere or failed before, and says so', () => {
    const hosts = [
      host('down', { up: false }),
      host('off', { disabledReason: 'repair' }),
      host('far', { zone: 'z2' }),
      host('failed'),
      host('good'),
    ]
    const choice = choose(hosts, request({ zone: 'nova', ignoreHosts: ['failed'] }), { filters })
    assert.deepEqual(
      choice.hosts.map((one) => one.host),
      ['good'],
    )
    assert.deepEqual(
      choice.removed.map(({ filter, hosts: count }) => [filter, count]),
      [
        ['hosts that failed before', 1],
        ['AvailabilityZone', 1],
        ['ComputeFilter', 2],
      ],
    )
    assert.equal(choice.removed[2]!.nearest, 'off: it is disabled (repair)')
  })

  it('names of the hosts that fell at one filter the one that lacked least', () => {
    const specs = { 'capabilities:hypervisor_version': '>= 1000', 'capabilities:num_instances': '<= 4' }
    const nearest = (...hosts: HostState[]) =>
      choose(hosts, request({ flavor: flavor(specs) }), { filters }).removed.map((one) => one.nearest)
    const versions = [100, 900, 400].map((hypervisorVersion) => host(`v${hypervisorVersion}`, { hypervisorVersion }))
    assert.deepEqual(nearest(...versions), ['v900: its hypervisor_version is 900, asked is >= 1000'])
    const busy = [9, 6, 7].map((numInstances) => host(`n${numInstances}`, { numInstances }))
    assert.deepEqual(nearest(...busy), ['n6: its num_instances is 6, asked is <= 4'])
    assert.deepEqual(nearest(host('b', { up: false }), host('a', { up: false })), [
      'a: its compute service does not report',
    ])
  })

  it('takes a forced host whatever the filters say', () => {
    assert.deepEqual(names([host('a', { up: false }), host('b')], request({ forcedHost: 'a' })), ['a'])
  })

  it('asks the filters about the one host that a request names', () => {
    const hosts = [host('a'), host('b', { disabledReason: 'repair' })]
    assert.deepEqual(names(hosts, request({ destination: 'a' })), ['a'])
    assert.deepEqual(choose(hosts, request({ destination: 'b' }), { filters }), {
      hosts: [],
      removed: [
        { filter: 'requested host', hosts: 1, nearest: 'the request names b' },
        { filter: 'ComputeFilter', hosts: 1, nearest: 'b: it is disabled (repair)' },
      ],
    })
  })

  it('looks at capabilities, scoped or not, and ignores other scopes', () => {
    const hosts = [host('a')]
    assert.deepEqual(
      names(
        hosts,
        request({ flavor: flavor({ 'capabilities:hypervisor_type': 'QEMU', 'hw:cpu_policy': 'dedicated' }) }),
      ),
      ['a'],
    )
    assert.deepEqual(names(hosts, request({ flavor: flavor({ 'capabilities:cpu_info:features': '<in> aes' }) })), ['a'])
    assert.deepEqual(names(hosts, request({ flavor: flavor({ ssd: 'true' }) })), [])
    const busy = [host('a', { stats: { num_vm_active: 3 } }), host('b', { stats: { num_vm_active: 1 } })]
    assert.deepEqual(names(busy, request({ flavor: flavor({ 'capabilities:num_vm_active': '<= 2' }) })), ['b'])
    assert.deepEqual(names(hosts, request({ flavor: flavor({ 'capabilities:free_ram_mb': '>= 100000' }) })), [])
  })

  it('looks at what the image needs', () => {
    assert.deepEqual(names([host('a')], request({ image: image({ hw_architecture: 'amd64' }) })), ['a'])
    assert.deepEqual(names([host('a')], request({ image: image({ hw_architecture: 'aarch64' }) })), [])
    assert.deepEqual(names([host('a')], request({ image: image({ img_hv_type: 'xen' }) })), [])
  })
})

it('asks placement for what the flavor says, overridden by extra specs', () => {
  const big = {
    ...flavor({
      'resources:VCPU': '0',
      'resources:CUSTOM_GPU': '1',
      'trait:HW_CPU_X86_AVX': 'required',
      'trait:CUSTOM_BAD': 'forbidden',
    }),
    swapMb: 1500,
    ephemeralGb: 2,
  }
  const { groups } = neededResources(
    big,
    image({ 'trait:CUSTOM_FAST': 'required', 'trait:HW_CPU_X86_AVX': 'required' }),
  )
  assert.deepEqual(groups, [
    {
      suffix: '',
      resources: { MEMORY_MB: 192, DISK_GB: 5, CUSTOM_GPU: 1 },
      required: ['CUSTOM_FAST', 'HW_CPU_X86_AVX'],
      forbidden: ['CUSTOM_BAD'],
    },
  ])
})

it('asks for groups of resources by their numbers', () => {
  const specs = {
    'resources1:CUSTOM_NIC': '1',
    'trait1:CUSTOM_FAST': 'required',
    'resources_B:CUSTOM_NIC': '2',
    group_policy: 'isolate',
  }
  const { groups, groupPolicy } = neededResources(flavor(specs), null)
  assert.equal(groupPolicy, 'isolate')
  assert.deepEqual(groups.slice(1), [
    { suffix: '1', resources: { CUSTOM_NIC: 1 }, required: ['CUSTOM_FAST'], forbidden: [] },
    { suffix: '_B', resources: { CUSTOM_NIC: 2 }, required: [], forbidden: [] },
  ])
})

describe('chance among the best', () => {
  const ranking = ['a', 'b', 'c', 'd'].map((name, i) => ({ host: host(name), weight: i < 2 ? 2 : 1 }))
  const firsts = (options: Partial<SpreadOptions>): string[] => {
    const all = { host_subset_size: 1, shuffle_best_same_weighed_hosts: false, ...options }
    const random = seededRandom(1)
    return [...new Set(Array.from({ length: 50 }, () => spread(ranking, all, random)[0]!.host))].toSorted()
  }

  it('takes the best without being asked otherwise', () => assert.deepEqual(firsts({}), ['a']))
  it('takes one of host_subset_size', () => assert.deepEqual(firsts({ host_subset_size: 3 }), ['a', 'b', 'c']))
  it('takes any of those that weigh the same', () =>
    assert.deepEqual(firsts({ shuffle_best_same_weighed_hosts: true }), ['a', 'b']))
  it('keeps every host, once', () => {
    const all = { host_subset_size: 2, shuffle_best_same_weighed_hosts: true }
    assert.deepEqual(
      new Set(spread(ranking, all, seededRandom(2)).map((one) => one.host)),
      new Set(['a', 'b', 'c', 'd']),
    )
  })
})
