import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { choose } from './choose.ts'
import type { HostState, SchedulingRequest, ServerGroup } from './host-state.ts'
import { host, request } from './testing.ts'
import { allWeighers } from './weighers/all.ts'

function first(
  name: string,
  multiplier: number,
  [a, b]: [Partial<HostState>, Partial<HostState>],
  asked: Partial<SchedulingRequest> = {},
): string {
  const weigher = allWeighers.find((one) => one.name === name)
  assert.ok(weigher, `no weigher ${name}`)
  const hosts = [host('a', a), host('b', b)]
  return choose(hosts, request(asked), [], [{ weigher, multiplier }]).ranked[0]!.host
}

const group = (policy: ServerGroup['policy'], others: Record<string, number>) => ({
  group: { id: 'g', policy, maxServerPerHost: 1, others },
})

describe('weighers put the better host first', () => {
  const rows: [string, number, [Partial<HostState>, Partial<HostState>], Partial<SchedulingRequest>][] = [
    ['RAMWeigher', 1, [{ memoryMbUsed: 900 }, {}], {}],
    ['RAMWeigher', -1, [{}, { memoryMbUsed: 900 }], {}],
    ['CPUWeigher', 1, [{ vcpusUsed: 1 }, {}], {}],
    ['DiskWeigher', 1, [{ localGbUsed: 1 }, {}], {}],
    ['HypervisorVersionWeigher', 1, [{}, { hypervisorVersion: 8_000_000 }], {}],
    ['IoOpsWeigher', -1, [{ numIoOps: 1 }, {}], {}],
    ['NumInstancesWeigher', 1, [{}, { numInstances: 1 }], {}],
    ['NumInstancesWeigher', -1, [{ numInstances: 1 }, {}], {}],
    ['BuildFailureWeigher', 1_000_000, [{ failedBuilds: 1 }, {}], {}],
    ['ServerGroupSoftAffinityWeigher', 1, [{}, {}], group('soft-affinity', { a: 1, b: 2 })],
    ['ServerGroupSoftAntiAffinityWeigher', 1, [{}, {}], group('soft-anti-affinity', { a: 2, b: 1 })],
  ]
  for (const [name, multiplier, hosts, asked] of rows)
    it(`${name} times ${multiplier}`, () => assert.equal(first(name, multiplier, hosts, asked), 'b'))
})

describe('weighers leave alone what does not concern them', () => {
  const rows: [string, Partial<SchedulingRequest>][] = [
    ['ServerGroupSoftAffinityWeigher', group('soft-anti-affinity', { b: 1 })],
    ['ServerGroupSoftAffinityWeigher', {}],
    ['ServerGroupSoftAntiAffinityWeigher', group('anti-affinity', { a: 1 })],
  ]
  for (const [name, asked] of rows) it(name, () => assert.equal(first(name, 1, [{}, {}], asked), 'a'))
  it('a multiplier of zero', () => assert.equal(first('RAMWeigher', 0, [{ memoryMbUsed: 900 }, {}]), 'a'))
})

it('takes the least multiplier of the aggregates of a host over the option', () => {
  const stack = (...values: string[]) => ({
    aggregates: values.map((value, i) => ({ name: `${i}`, metadata: { ram_weight_multiplier: value } })),
  })
  const roomy = { memoryMb: 16_384 }
  assert.equal(first('RAMWeigher', 1, [{}, roomy]), 'b')
  assert.equal(first('RAMWeigher', 1, [{}, { ...roomy, ...stack('2', '-1.5') }]), 'a')
  assert.equal(first('RAMWeigher', 1, [{}, { ...roomy, ...stack('many') }]), 'b')
})
