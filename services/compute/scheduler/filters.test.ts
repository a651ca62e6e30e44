import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { allFilters } from './filters/all.ts'
import type { FilterOptions } from './filters/filter-options.ts'
import { isolatedAggregatesFilter } from './filters/isolated-aggregates-filter.ts'
import { tenantAggregatesFilter } from './filters/tenant-aggregates-filter.ts'
import type { Filter, HostState, SchedulingRequest, ServerGroup } from './host-state.ts'
import { shortfallOf } from './nearest.ts'
import { choose, FILTER_OPTIONS, flavor, host, image, request } from './testing.ts'

type Row = [what: string, host: Partial<HostState>, request: Partial<SchedulingRequest>, passes: boolean]

function table(name: string, rows: Row[], options: Partial<FilterOptions> = {}): void {
  const filter = allFilters({ ...FILTER_OPTIONS, ...options }).find((one) => one.name === name)
  assert.ok(filter, `no filter ${name}`)
  describe(name, () => {
    for (const [what, parts, asked, passes] of rows)
      it(`${what}: ${passes ? 'passes' : 'falls'}`, () => {
        const verdict = filter.judge(host('h1', parts), request(asked))
        assert.equal(verdict === undefined, passes, verdict ? shortfallOf(verdict).says : 'it passes')
      })
  })
}

const aggregates = (...metadata: Record<string, string>[]): Partial<HostState> => ({
  aggregates: metadata.map((one, i) => ({ name: `a${i}`, metadata: one })),
})
const specs = (extraSpecs: Record<string, string>): Partial<SchedulingRequest> => ({ flavor: flavor(extraSpecs) })
const ssd = (asked: string) => specs({ 'aggregate_instance_extra_specs:ssd': asked })

table('AggregateInstanceExtraSpecsFilter', [
  ['seed-8.5.17-1 the aggregate says it', aggregates({ ssd: 'true' }), ssd('true'), true],
  ['seed-8.5.17-1 a flavor without the spec goes anywhere', {}, specs({}), true],
  ['seed-8.5.17-2 one of several values', aggregates({ ssd: 'a,b' }), ssd('b'), true],
  ['seed-8.5.17-2 one of the values of several aggregates', aggregates({ ssd: 'a' }, { ssd: ' b ' }), ssd('b'), true],
  ['seed-8.5.17-3 6 is at least 4', aggregates({ ssd: '6' }), ssd('>= 4'), true],
  ['seed-8.5.17-3 2 is not', aggregates({ ssd: '2' }), ssd('>= 4'), false],
  ['seed-8.5.17-3 = is at least', aggregates({ ssd: '6' }), ssd('= 4'), true],
  ['seed-8.5.17-4 one of two', aggregates({ ssd: 'y' }), ssd('<or> x <or> y'), true],
  ['seed-8.5.17-4 neither', aggregates({ ssd: 'z' }), ssd('<or> x <or> y'), false],
  ['seed-8.5.17-5 a part', aggregates({ ssd: 'xabcx' }), ssd('<in> abc'), true],
  ['seed-8.5.17-6 no aggregate has the key', aggregates({ other: 'true' }), ssd('true'), false],
  ['an unscoped key', aggregates({ ssd: 'true' }), specs({ ssd: 'false' }), false],
  ['another scope is no matter of it', {}, specs({ 'hw:cpu_policy': 'dedicated' }), true],
  [
    'a key with a colon of its own',
    aggregates({ 'a:b': '1' }),
    specs({ 'aggregate_instance_extra_specs:a:b': '1' }),
    true,
  ],
])

table('AggregateMultiTenancyIsolation', [
  ['no such key', aggregates({ ssd: 'x' }), {}, true],
  ['the project is listed', aggregates({ filter_tenant_id: 'q, p' }), {}, true],
  ['listed under a second key', aggregates({ filter_tenant_id: 'q', filter_tenant_id2: 'p' }), {}, true],
  ['another project', aggregates({ filter_tenant_id: 'q' }), {}, false],
])

const windows = { image: image({ os_distro: 'windows' }) }
table('AggregateImagePropertiesIsolation', [
  ['the same value', aggregates({ os_distro: 'windows' }), windows, true],
  ['another value', aggregates({ os_distro: 'linux' }), windows, false],
  ['one of the values', aggregates({ os_distro: 'linux,windows' }), windows, true],
  ['the image has no such property', aggregates({ os_distro: 'linux' }), { image: image({}) }, true],
  ['no image', aggregates({ os_distro: 'linux' }), {}, true],
])
table(
  'AggregateImagePropertiesIsolation',
  [
    ['a key outside of the namespace', aggregates({ os_distro: 'linux' }), windows, true],
    ['a key inside', aggregates({ 'iso.os': 'a' }), { image: image({ 'iso.os': 'b' }) }, false],
  ],
  { aggregate_image_properties_isolation_namespace: 'iso' },
)

table('IoOpsFilter', [
  ['seven at work', { numIoOps: 7, ...aggregates({ max_io_ops_per_host: '1' }) }, {}, true],
  ['eight at work', { numIoOps: 8 }, {}, false],
])
table('AggregateIoOpsFilter', [
  ['the option', { numIoOps: 8 }, {}, false],
  [
    'the least of the aggregates',
    { numIoOps: 3, ...aggregates({ max_io_ops_per_host: '9' }, { max_io_ops_per_host: '3' }) },
    {},
    false,
  ],
  ['more by the aggregate', { numIoOps: 8, ...aggregates({ max_io_ops_per_host: '9' }) }, {}, true],
  ['no number: the option', { numIoOps: 7, ...aggregates({ max_io_ops_per_host: 'few' }) }, {}, true],
])
table('NumInstancesFilter', [
  ['49 servers', { numInstances: 49 }, {}, true],
  ['50 servers', { numInstances: 50 }, {}, false],
])
table('AggregateNumInstancesFilter', [
  ['fewer by the aggregate', { numInstances: 2, ...aggregates({ max_instances_per_host: '2' }) }, {}, false],
  ['the option', { numInstances: 2 }, {}, true],
])

table('AggregateTypeAffinityFilter', [
  ['no key', {}, {}, true],
  ['the flavor is listed', aggregates({ instance_type: 'm1.tiny, m1.nano' }), {}, true],
  ['it is not', aggregates({ instance_type: 'm1.tiny' }), {}, false],
])

table('DifferentHostFilter', [
  ['the server is there', {}, { differentHosts: ['h1'] }, false],
  ['it is elsewhere', {}, { differentHosts: ['h2'] }, true],
])
table('SameHostFilter', [
  ['no hint', {}, { sameHosts: null }, true],
  ['the server is there', {}, { sameHosts: ['h2', 'h1'] }, true],
  ['it is elsewhere', {}, { sameHosts: ['h2'] }, false],
  ['it is nowhere', {}, { sameHosts: [] }, false],
])

const near = (build_near_host_ip: string, cidr?: string) => ({
  hints: { build_near_host_ip, ...(cidr ? { cidr } : {}) },
})
table('SimpleCIDRAffinityFilter', [
  ['no hint', {}, {}, true],
  ['the same /24', { hostIp: '192.168.1.9' }, near('192.168.1.1'), true],
  ['another /24', { hostIp: '192.168.2.9' }, near('192.168.1.1'), false],
  ['the same /16', { hostIp: '192.168.2.9' }, near('192.168.1.1', '/16'), true],
  ['IPv6', { hostIp: 'fd00::9' }, near('fd00::1', '/64'), true],
  ['the other family', { hostIp: 'fd00::9' }, near('192.168.1.1'), false],
  ['a mask too long', { hostIp: '192.168.1.1' }, near('192.168.1.1', '/33'), false],
  ['no address told', { hostIp: null }, near('192.168.1.1'), false],
])

const isolation = { isolated_images: ['i'], isolated_hosts: ['h1'] }
table('IsolatedHostsFilter', [['nothing is isolated', {}, {}, true]])
table(
  'IsolatedHostsFilter',
  [
    ['both are isolated', {}, { image: image({}) }, true],
    ['the host alone', {}, {}, false],
    ['the image alone', { host: 'h2' }, { image: image({}) }, false],
    ['neither', { host: 'h2' }, {}, true],
  ],
  isolation,
)
table('IsolatedHostsFilter', [['the host alone, unrestricted', {}, {}, true]], {
  ...isolation,
  restrict_isolated_hosts_to_isolated_images: false,
})

const query = (asked: unknown) => ({ hints: { query: typeof asked === 'string' ? asked : JSON.stringify(asked) } })
table('JsonFilter', [
  ['no query', {}, {}, true],
  ['a comparison', {}, query(['>=', '$free_ram_mb', 1024]), true],
  ['that does not hold', {}, query(['>=', '$free_ram_mb', 102400]), false],
  ['and', {}, query(['and', ['=', '$host', 'h1'], ['<', '$num_instances', 1]]), true],
  ['or', {}, query(['or', ['=', '$host', 'h2'], ['>', '$vcpus_total', 2]]), true],
  ['not', {}, query(['not', ['=', '$host', 'h1']]), false],
  ['in', {}, query(['in', '$host', 'h2', 'h1']), true],
  ['a path', {}, query(['=', '$cpu_info.arch', 'x86_64']), true],
  ['an unknown attribute', {}, query(['=', '$constructor', 1]), false],
  ['as a list, not text', {}, { hints: { query: [['=', '$host', 'h1']] } }, true],
  ['an unknown operator', {}, query(['xor', 1, 2]), false],
  ['an operator of every object', {}, query(['constructor', 1]), false],
  ['no JSON', {}, query('[=,'), false],
])

describe('isolated aggregates', () => {
  const windows = host('h1', aggregates({ 'trait:CUSTOM_WINDOWS': 'required', other: 'x' }))
  const judged = (extraSpecs: Record<string, string>, properties: Record<string, string> = {}) =>
    isolatedAggregatesFilter.judge(windows, request({ flavor: flavor(extraSpecs), image: image(properties) }))

  it('take servers whose flavor requires their trait', () =>
    assert.equal(judged({ 'trait:CUSTOM_WINDOWS': 'required' }), undefined))
  it('take servers whose image does', () => assert.equal(judged({}, { 'trait:CUSTOM_WINDOWS': 'required' }), undefined))
  it('take no others', () =>
    assert.equal(
      judged({ 'trait:CUSTOM_LINUX': 'required' }),
      'its aggregate a0 is for servers that require CUSTOM_WINDOWS',
    ))
  it('are no matter of other hosts', () =>
    assert.equal(isolatedAggregatesFilter.judge(host('h2'), request()), undefined))
})

describe('aggregates of a project', () => {
  const judge = (projectAggregates: string[], placement_aggregate_required_for_tenants = false) =>
    tenantAggregatesFilter({ placement_aggregate_required_for_tenants }).judge(
      host('h1', aggregates({})),
      request({ projectAggregates }),
    )

  it('take its servers', () => assert.equal(judge(['a0', 'other']), undefined))
  it('are where they go alone', () => assert.match(String(judge(['other'])), /none of the project's aggregates other/))
  it('need not be', () => assert.equal(judge([]), undefined))
  it('must be where that is asked for', () => assert.match(String(judge([], true)), /has no aggregate/))
})

table('AllHostsFilter', [['a host that is down', { up: false }, {}, true]])

const group = (policy: ServerGroup['policy'], others: Record<string, number>, maxServerPerHost = 1) => ({
  group: { id: 'g', policy, maxServerPerHost, others },
})
table('ServerGroupAntiAffinityFilter', [
  ['no group', {}, {}, true],
  ['the first', {}, group('anti-affinity', {}), true],
  ['one is there', {}, group('anti-affinity', { h1: 1 }), false],
  ['one is there, two may be', {}, group('anti-affinity', { h1: 1 }, 2), true],
  ['a soft policy', {}, group('soft-anti-affinity', { h1: 1 }), true],
])
table('ServerGroupAffinityFilter', [
  ['no group', {}, {}, true],
  ['the first', {}, group('affinity', {}), true],
  ['the others are there', {}, group('affinity', { h1: 2 }), true],
  ['the others are elsewhere', {}, group('affinity', { h2: 2 }), false],
  ['a soft policy', {}, group('soft-affinity', { h2: 2 }), true],
])

describe("a custom filter on the server's metadata", () => {
  const rackFilter: Filter = {
    name: 'RackFilter',
    judge(at, { metadata }) {
      const racks = at.aggregates.flatMap(({ metadata: { rack = [] } }) => rack)
      return metadata['rack'] === undefined || racks.includes(metadata['rack']) ? undefined : 'it is in another rack'
    },
  }
  const hosts = [host('a', aggregates({ rack: 'r1' })), host('b', aggregates({ rack: 'r2' }))]
  const placed = (metadata: Record<string, string>) => choose(hosts, request({ metadata }), { filters: [rackFilter] })

  it('seed-8.5.12-1 places by it, and says why there is no host', () => {
    assert.deepEqual(
      placed({ rack: 'r1' }).hosts.map((one) => one.host),
      ['a'],
    )
    assert.deepEqual(placed({ rack: 'r3' }), {
      hosts: [],
      removed: [{ filter: 'RackFilter', hosts: 2, nearest: 'a: it is in another rack' }],
    })
  })
  it('seed-8.5.12-3 passes a server without metadata', () => assert.equal(placed({}).hosts.length, 2))
})
