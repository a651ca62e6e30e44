import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { AuditedServer } from '@kilonova/compute/explain/audited-servers'
import type { Task } from '@kilonova/tasks/task'
import { confirmed } from './audit.ts'
import { compareClaims, recount } from './claims.ts'
import type { AuditReport, Finding } from './finding.ts'
import { compareGuests } from './guests.ts'
import { unwantedThings } from './networks.ts'
import { lookAtOperations } from './operations.ts'
import { lookAtPorts } from './ports.ts'
import type { AuditedRecords } from './records.ts'
import { compareSnapshots } from './snapshots.ts'

const server = (id: string, parts: Partial<AuditedServer> = {}): AuditedServer => ({
  id,
  name: `name-${id}`,
  host: 'h1',
  vmState: 'active',
  taskState: null,
  portIds: [],
  ...parts,
})

const records = (servers: AuditedServer[], parts: Partial<AuditedRecords> = {}): AuditedRecords => ({
  servers: new Map(servers.map((one) => [one.id, one])),
  hosts: [
    { host: 'h1', nodeId: 'n1' },
    { host: 'h2', nodeId: 'n2' },
  ],
  moves: new Map(),
  uncleaned: [],
  tasks: [],
  busy: new Set(),
  ...parts,
})

const short = (findings: Finding[]): string[] => findings.map(({ kind, id, host = '-' }) => `${kind} ${id} ${host}`)
const guest = (id: string) => ({ id, name: `instance-${id}` })
const NOW = 1_800_000_000_000

const task = (parts: Partial<Task>): Task =>
  ({ id: 't1', name: 'server.build', state: 'running', resource: null, deadlineAt: NOW, ...parts }) as Task

describe('guests against servers', () => {
  it('finds domains and files of no server or of one that lives elsewhere', () => {
    const there = {
      host: 'h1',
      guests: [guest('a'), guest('b'), guest('c')],
      stored: ['a', 'b', 'c', 'junk'],
      disks: [],
    }
    const found = compareGuests(there, records([server('a'), server('b', { host: 'h2' })]))
    assert.deepEqual(short(found), [
      'domain b h1',
      'domain c h1',
      'instance-files b h1',
      'instance-files c h1',
      'instance-files junk h1',
    ])
    assert.equal(found[0]!.why, 'domain instance-b of a server that lives on h2')
  })

  it('finds logical volumes, mounts and whole devices of no server or of one that lives elsewhere', () => {
    const disks = [
      { kind: 'logical-volume', id: 'a_disk', guest: 'a' },
      { kind: 'logical-volume', id: 'b_disk', guest: 'b' },
      { kind: 'mount', id: '/instances/c/disk', guest: 'c' },
      { kind: 'isolated-disk', id: '/dev/sdb', guest: 'c' },
    ] as const
    const known = records([server('a'), server('b', { host: 'h2' })], { busy: new Set(['d']) })
    const found = compareGuests({ host: 'h1', guests: [guest('a')], stored: [], disks }, known)
    assert.deepEqual(short(found), [
      'logical-volume b_disk h1',
      'mount /instances/c/disk h1',
      'isolated-disk /dev/sdb h1',
    ])
    assert.equal(found[2]!.why, 'isolated disk of no server')
  })

  it('finds servers without a domain, but for those that failed or are worked on', () => {
    const servers = [
      server('a'),
      server('b', { vmState: 'stopped' }),
      server('c', { vmState: 'error' }),
      server('d', { vmState: 'building' }),
      server('e', { host: 'h2' }),
      server('f'),
    ]
    const found = compareGuests(
      { host: 'h1', guests: [], stored: [], disks: [] },
      records(servers, { busy: new Set(['f']) }),
    )
    assert.deepEqual(short(found), ['server a h1', 'server b h1'])
  })

  it('leaves what a task works on alone', () => {
    const there = { host: 'h1', guests: [guest('x')], stored: ['x'], disks: [] }
    assert.deepEqual(compareGuests(there, records([], { busy: new Set(['x']) })), [])
  })
})

describe('snapshots against tasks', () => {
  it('finds files for which no task is at work', () => {
    const tasks = [task({ name: 'server.snapshot', input: { imageId: 'wanted' } })]
    assert.deepEqual(short(compareSnapshots('h1', ['wanted', 'left'], records([], { tasks }))), [
      'snapshot-files left h1',
    ])
  })
})

describe('claims against servers', () => {
  const claims = (of: Record<string, string>) =>
    new Map(Object.entries(of).map(([id, node]) => [id, { [node]: { VCPU: 2 } }]))

  it('finds claims of nobody and on the wrong host, and servers without one', () => {
    const known = records([server('a'), server('b'), server('c'), server('d', { vmState: 'error' })])
    const found = compareClaims(claims({ a: 'n1', b: 'n2', ghost: 'n1', foreign: 'elsewhere' }), known)
    assert.deepEqual(short(found), ['claim b h2', 'claim ghost h1', 'claim b h1', 'claim c h1'])
  })

  it('finds counters that are not the sum of their claims', () => {
    const counters = { n1: { VCPU: 4, MEMORY_MB: 1 }, n2: { VCPU: 0 }, foreign: { VCPU: 9 } }
    const found = recount(claims({ a: 'n1', b: 'n1' }), counters, records([]))
    assert.deepEqual(short(found), ['inventory n1/MEMORY_MB h1'])
    assert.equal(found[0]!.why, 'the counter of MEMORY_MB says 1 is used, the claims are 0')
  })
})

describe('ports against servers', () => {
  it('finds ports of no server and those bound to another host than theirs', () => {
    const port = (id: string, deviceId: string, host: string | null, deviceOwner = 'compute:nova') => ({
      id,
      deviceId,
      deviceOwner,
      host,
    })
    const ports = [
      port('p1', 'a', 'h1'),
      port('p2', 'a', null),
      port('p3', 'a', 'h2'),
      port('p4', 'ghost', 'h1'),
      port('p5', 'ghost', null, 'network:dhcp'),
      port('p6', '', null, ''),
    ]
    const { checked, findings } = lookAtPorts(ports, records([server('a')]))
    assert.deepEqual(short(findings), ['port p3 h2', 'port p4 h1'])
    assert.deepEqual(checked, { port: 6 })
  })
})

describe('things of networks against what is wanted', () => {
  it('finds what belongs to nothing here, also to a port that is bound elsewhere', () => {
    const wanted = {
      generation: 1,
      networks: [{ id: 'net' }],
      ports: [
        { id: 'here', bound: true },
        { id: 'elsewhere', bound: false },
      ],
      securityGroups: [{ id: 'group' }],
      routers: [],
      external: [],
    } as unknown as Parameters<typeof unwantedThings>[2]
    const thing = (kind: 'tap' | 'bridge' | 'nft-chain', id: string, owner: string) => ({ kind, id, owner })
    const things = [
      thing('bridge', 'brq1', 'net'),
      thing('bridge', 'brq2', 'gone'),
      thing('tap', 'tap1', 'here'),
      thing('tap', 'tap2', 'elsewhere'),
      thing('nft-chain', 'group-ingress-group', 'group'),
    ]
    assert.deepEqual(short(unwantedThings('h1', things, wanted)), ['bridge brq2 h1', 'tap tap2 h1'])
  })
})

describe('operations', () => {
  it('finds servers in a passing state that no task works on', () => {
    const servers = [
      server('a', { vmState: 'building' }),
      server('b', { taskState: 'deleting' }),
      server('c', { vmState: 'building' }),
      server('d'),
    ]
    const tasks = [task({ state: 'stuck', resource: { type: 'server', id: 'c' } })]
    const { findings } = lookAtOperations(records(servers, { tasks }), NOW)
    assert.deepEqual(short(findings), ['server a -', 'server b -'])
    assert.equal(findings[1]!.why, 'name-b is deleting and no task works on it')
  })

  it('finds tasks well past their deadline', () => {
    const tasks = [
      task({ id: 'late', deadlineAt: NOW - 120_000 }),
      task({ id: 'just', deadlineAt: NOW - 1000 }),
      task({ id: 'stuck', state: 'stuck', deadlineAt: NOW - 120_000 }),
    ]
    assert.deepEqual(short(lookAtOperations(records([], { tasks }), NOW).findings), ['task late -'])
  })
})

describe('two looks', () => {
  it('report only what both saw, as the second saw it', () => {
    const report = (...orphans: Finding[]): AuditReport => ({
      orphans,
      checked: { port: orphans.length },
      unchecked: [],
    })
    const stays = { kind: 'port', id: 'p1', why: 'first' }
    const first = report(stays, { kind: 'port', id: 'p2', why: 'goes' }, { kind: 'tap', id: 't', host: 'h1', why: '' })
    const second = report({ ...stays, why: 'second' }, { kind: 'tap', id: 't', host: 'h2', why: '' })
    assert.deepEqual(confirmed(first, second), { ...report({ ...stays, why: 'second' }), checked: { port: 2 } })
  })
})
