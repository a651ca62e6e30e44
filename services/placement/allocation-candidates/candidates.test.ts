import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { InventoryRow } from '../schema/tables.ts'
import { candidatesFor } from './candidates.ts'
import type { Group, Request, World } from './request.ts'

interface Provider {
  parent?: string
  has?: Record<string, number | Partial<InventoryRow>>
  traits?: string[]
  aggregates?: string[]
}

function worldOf(providers: Record<string, Provider>): World {
  const rootOf = (id: string): string => (providers[id]!.parent ? rootOf(providers[id]!.parent!) : id)
  const each = <T>(make: (id: string, provider: Provider) => T): Map<string, T> =>
    new Map(Object.entries(providers).map(([id, provider]) => [id, make(id, provider)]))
  return {
    providers: each((id, { parent = null }) => ({ id, parentId: parent, rootId: rootOf(id) })),
    inventories: each(
      (id, { has = {} }) =>
        new Map(Object.entries(has).map(([name, inventory]) => [name, inventoryOf(id, name, inventory)])),
    ),
    traits: each((_, { traits = [] }) => new Set(traits)),
    aggregates: each((_, { aggregates = [] }) => new Set(aggregates)),
  }
}

function inventoryOf(provider_id: string, resource_class: string, given: number | Partial<InventoryRow>): InventoryRow {
  const row = { total: 0, reserved: 0, min_unit: 1, max_unit: 1000, step_size: 1, allocation_ratio: 1, used: 0 }
  return { provider_id, resource_class, ...row, ...(typeof given === 'number' ? { total: given } : given) }
}

const group = (suffix: string, resources: Record<string, number>, more: Partial<Group> = {}): Group => ({
  suffix,
  resources,
  required: [],
  forbidden: [],
  memberOf: [],
  notMemberOf: [],
  inTree: undefined,
  ...more,
})

const request = (groups: Group[], more: Partial<Request> = {}): Request => ({
  groups,
  isolate: false,
  root: { required: [], forbidden: [] },
  sameSubtrees: [],
  nested: true,
  limit: Infinity,
  ...more,
})

/** Each candidate as `provider:CLASS=amount …`, in order. */
function ask(providers: Record<string, Provider>, asked: Request): string[] {
  const shown = candidatesFor(worldOf(providers), asked).map(({ allocations }) =>
    [...allocations]
      .flatMap(([id, amounts]) => [...amounts].map(([name, amount]) => `${id}:${name}=${amount}`))
      .toSorted()
      .join(' '),
  )
  return shown.toSorted()
}

const plain = { cn1: { has: { VCPU: 4, RAM: 1024 } }, cn2: { has: { VCPU: 2, RAM: 4096 } } }

const shared: Record<string, Provider> = {
  cn1: { has: { VCPU: 4 }, aggregates: ['agg'] },
  cn2: { has: { VCPU: 4 }, aggregates: ['agg'] },
  cn3: { has: { VCPU: 4 } },
  ss: { has: { DISK: 100 }, traits: ['MISC_SHARES_VIA_AGGREGATE', 'SSD'], aggregates: ['agg'] },
}

const nested: Record<string, Provider> = {
  cn1: { has: { VCPU: 8 }, traits: ['ROOT'] },
  nic1: { parent: 'cn1' },
  pf1: { parent: 'nic1', has: { VF: 2 }, traits: ['NET1'] },
  pf2: { parent: 'nic1', has: { VF: 2 }, traits: ['NET2'] },
  nic2: { parent: 'cn1', traits: ['FAST'] },
  pf3: { parent: 'nic2', has: { VF: 1 }, traits: ['NET2'] },
}

describe('rule 1: who may serve a group', () => {
  it('takes all of an unsuffixed group from one provider of a flat tree', () => {
    assert.deepEqual(ask(plain, request([group('', { VCPU: 1, RAM: 512 })])), [
      'cn1:RAM=512 cn1:VCPU=1',
      'cn2:RAM=512 cn2:VCPU=1',
    ])
    assert.deepEqual(ask(plain, request([group('', { VCPU: 3, RAM: 512 })])), ['cn1:RAM=512 cn1:VCPU=3'])
    assert.deepEqual(ask(plain, request([group('', { VCPU: 3, RAM: 2048 })])), [])
  })

  for (const [why, inventory] of Object.entries({
    'is used': { total: 4, used: 3 },
    'is reserved': { total: 4, reserved: 3 },
    'is below the least': { total: 9, min_unit: 3 },
    'is above the most': { total: 9, max_unit: 1 },
    'is no whole number of steps': { total: 9, step_size: 3 },
    'is less by its ratio': { total: 4, allocation_ratio: 0.25 },
  })) {
    it(`leaves out an inventory whose amount ${why}`, () => {
      assert.deepEqual(ask({ cn: { has: { VCPU: inventory } } }, request([group('', { VCPU: 2 })])), [])
    })
  }

  it('spreads an unsuffixed group over a tree and who shares with it', () => {
    assert.deepEqual(ask(shared, request([group('', { VCPU: 1, DISK: 10 })])), [
      'cn1:VCPU=1 ss:DISK=10',
      'cn2:VCPU=1 ss:DISK=10',
    ])
    assert.deepEqual(ask(nested, request([group('', { VCPU: 1, VF: 1 })])), [
      'cn1:VCPU=1 pf1:VF=1',
      'cn1:VCPU=1 pf2:VF=1',
      'cn1:VCPU=1 pf3:VF=1',
    ])
  })

  it('takes all of a suffixed group from one provider', () => {
    assert.deepEqual(ask(nested, request([group('_A', { VCPU: 1, VF: 1 })])), [])
    assert.deepEqual(ask(nested, request([group('_A', { VF: 2 })])), ['pf1:VF=2', 'pf2:VF=2'])
    assert.deepEqual(ask(shared, request([group('', { VCPU: 1 }), group('_D', { DISK: 5 })])), [
      'cn1:VCPU=1 ss:DISK=5',
      'cn2:VCPU=1 ss:DISK=5',
    ])
  })

  it('adds what several groups take from one inventory', () => {
    const groups = [group('_A', { VF: 1 }), group('_B', { VF: 1 })]
    const found = ask(nested, request(groups))
    assert.ok(found.includes('pf1:VF=2'))
    assert.ok(!found.includes('pf3:VF=2'))
  })
})

describe('rule 2: group policy', () => {
  it('isolates suffixed groups from each other, not from the unsuffixed one', () => {
    const groups = [group('', { VCPU: 1 }), group('_A', { VCPU: 1 })]
    assert.deepEqual(ask(plain, request(groups, { isolate: true })), ['cn1:VCPU=2', 'cn2:VCPU=2'])
    const two = [group('_A', { VCPU: 1 }), group('_B', { VCPU: 1 })]
    assert.deepEqual(ask(plain, request(two, { isolate: true })), [])
    assert.deepEqual(ask(plain, request(two)), ['cn1:VCPU=2', 'cn2:VCPU=2'])
  })
})

describe('rule 3: conditions', () => {
  const pair = { VCPU: 1, VF: 1 }

  it('finds traits of an unsuffixed group anywhere among the providers used', () => {
    assert.deepEqual(ask(nested, request([group('', pair, { required: [['ROOT'], ['NET1']] })])), [
      'cn1:VCPU=1 pf1:VF=1',
    ])
    assert.deepEqual(ask(nested, request([group('', { VCPU: 1 }, { required: [['NET1']] })])), [])
  })

  it('takes one trait of several', () => {
    const any = group('', pair, { required: [['NET1', 'NONE']] })
    assert.deepEqual(ask(nested, request([any])), ['cn1:VCPU=1 pf1:VF=1'])
  })

  it('refuses forbidden traits on any provider used', () => {
    assert.deepEqual(ask(nested, request([group('', pair, { forbidden: ['NET2'] })])), ['cn1:VCPU=1 pf1:VF=1'])
    assert.deepEqual(ask(nested, request([group('', pair, { forbidden: ['ROOT'] })])), [])
  })

  it('finds traits of a suffixed group on that very provider', () => {
    const asked = request([
      group('', { VCPU: 1 }),
      group('_N', { VF: 1 }, { required: [['NET2']], forbidden: ['ROOT'] }),
    ])
    assert.deepEqual(ask(nested, asked), ['cn1:VCPU=1 pf2:VF=1', 'cn1:VCPU=1 pf3:VF=1'])
    assert.deepEqual(ask(nested, request([group('_N', { VF: 1 }, { required: [['ROOT']] })])), [])
  })

  it('asks traits of the root of the tree', () => {
    const asked = (required: string[][], forbidden: string[]) =>
      ask(nested, request([group('_N', { VF: 2 })], { root: { required, forbidden } }))
    assert.deepEqual(asked([['ROOT']], []), ['pf1:VF=2', 'pf2:VF=2'])
    assert.deepEqual(asked([['NET1']], []), [])
    assert.deepEqual(asked([], ['ROOT']), [])
  })

  it('asks membership, where the root counts for an unsuffixed group only', () => {
    const tree = { cn: { aggregates: ['a'] }, numa: { parent: 'cn', has: { VCPU: 4 }, aggregates: ['b'] } }
    const asked = (suffix: string, more: Partial<Group>) =>
      ask(tree, request([group(suffix, { VCPU: 1 }, more)])).length
    assert.equal(asked('', { memberOf: [['a']] }), 1)
    assert.equal(asked('_N', { memberOf: [['a']] }), 0)
    assert.equal(asked('_N', { memberOf: [['b', 'x']] }), 1)
    assert.equal(asked('', { memberOf: [['a'], ['b']] }), 1)
    assert.equal(asked('', { notMemberOf: ['a'] }), 0)
    assert.equal(asked('_N', { notMemberOf: ['a'] }), 1)
  })

  it('keeps to a tree', () => {
    assert.deepEqual(ask(plain, request([group('', { VCPU: 1 }, { inTree: 'cn2' })])), ['cn2:VCPU=1'])
    assert.deepEqual(ask(nested, request([group('', { VCPU: 1 }, { inTree: 'pf3' })])), ['cn1:VCPU=1'])
    assert.deepEqual(ask(plain, request([group('', { VCPU: 1 }, { inTree: 'gone' })])), [])
    assert.deepEqual(ask(shared, request([group('', { VCPU: 1, DISK: 1 }, { inTree: 'cn1' })])), [])
  })
})

describe('rule 4: same_subtree', () => {
  it('keeps groups below one of their own providers', () => {
    const groups = [group('_NIC', {}, { required: [['FAST']] }), group('_VF', { VF: 1 })]
    assert.deepEqual(ask(nested, request(groups, { sameSubtrees: [['_NIC', '_VF']] })), ['pf3:VF=1'])
    const siblings = [
      group('_A', { VF: 1 }, { required: [['NET1']] }),
      group('_B', { VF: 1 }, { required: [['NET2']] }),
    ]
    assert.deepEqual(ask(nested, request(siblings, { sameSubtrees: [['_A', '_B']] })), [])
    const withNic = [group('_NIC', {}), ...siblings]
    const below = request(withNic, { sameSubtrees: [['_NIC', '_A', '_B']] })
    assert.deepEqual(new Set(ask(nested, below)), new Set(['pf1:VF=1 pf2:VF=1', 'pf1:VF=1 pf3:VF=1']))
  })
})

describe('rule 5: results', () => {
  it('says which provider serves which group', () => {
    const asked = request([group('', { VCPU: 1 }), group('_N', { VF: 1 }, { required: [['NET1']] })])
    const [found, ...others] = candidatesFor(worldOf(nested), asked)
    assert.equal(others.length, 0)
    assert.deepEqual(Object.fromEntries(found!.mappings), { '': ['cn1'], _N: ['pf1'] })
    assert.equal(found!.rootId, 'cn1')
  })

  it('has no candidate twice', () => {
    assert.deepEqual(ask(shared, request([group('', { DISK: 1 })])), ['ss:DISK=1'])
  })

  it('is cut by the limit, one of each tree before the second of any', () => {
    const two = { ...nested, other: { has: { VF: 1 } } }
    const found = candidatesFor(worldOf(two), request([group('_A', { VF: 1 })], { limit: 2 }))
    assert.deepEqual(
      found.map(({ rootId }) => rootId),
      ['cn1', 'other'],
    )
  })

  it('does not go through all combinations for a small limit', () => {
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, index) => [`pf${index}`, { parent: 'cn', has: { VF: 40 } }]),
    )
    const groups = Array.from({ length: 8 }, (_, index) => group(`_${index}`, { VF: 1 }))
    assert.equal(candidatesFor(worldOf({ cn: {}, ...many }), request(groups, { limit: 5 })).length, 5)
  })

  it('uses one provider of a tree at most where nested ones are not asked for', () => {
    assert.deepEqual(ask(nested, request([group('', { VCPU: 1, VF: 1 })], { nested: false })), [])
    assert.deepEqual(ask(shared, request([group('', { VCPU: 1, DISK: 1 })], { nested: false })).length, 2)
  })
})
