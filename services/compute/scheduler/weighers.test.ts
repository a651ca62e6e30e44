import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { readConfig } from '@kilonova/base/options'
import { computeOptions } from '../options.ts'
import type { HostState, SchedulingRequest, ServerGroup } from './host-state.ts'
import { choose, host, image, request } from './testing.ts'
import { allWeighers } from './weighers/all.ts'
import { imagePropertiesWeigher } from './weighers/image-properties.ts'

function first(
  name: string,
  multiplier: number,
  [a, b]: [Partial<HostState>, Partial<HostState>],
  asked: Partial<SchedulingRequest> = {},
): string {
  const { compute: options } = readConfig(computeOptions)
  const found = allWeighers(options).find(({ weigher }) => weigher.name === name)
  assert.ok(found, `no weigher ${name}`)
  const hosts = [host('a', a), host('b', b)]
  return choose(hosts, request(asked), { filters: [], weighers: [{ ...found, multiplier }] }).hosts[0]!.host
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
    [
      'ImagePropertiesWeigher',
      1,
      [{ imageProperties: [{ os_distro: 'x' }] }, { imageProperties: [{ os_distro: 'y' }, { os_distro: 'y' }] }],
      { image: image({ os_distro: 'y' }) },
    ],
    [
      'ImagePropertiesWeigher',
      -1,
      [{ imageProperties: [{ os_distro: 'y' }] }, {}],
      { image: image({ os_distro: 'y' }) },
    ],
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

describe('properties of images', () => {
  const hosts = [
    host('a', { imageProperties: [{ os_distro: 'y', hw_machine_type: 'q35' }] }),
    host('b', { imageProperties: [{ os_distro: 'y', hw_machine_type: 'pc' }] }),
  ]
  const weighed = (setting: string[]): number[] => {
    const asked = request({ image: image({ os_distro: 'y', hw_machine_type: 'q35' }) })
    return hosts.map((one) => imagePropertiesWeigher(setting).weigh(one, asked))
  }

  it('count all, once', () => assert.deepEqual(weighed([]), [2, 1]))
  it('count as they are set', () => assert.deepEqual(weighed(['os_distro=0', 'hw_machine_type = 2.5']), [2.5, 0]))
  it('are refused when they are set wrongly', () => assert.throws(() => weighed(['os_distro']), /name=weight/))
})
