import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import { onBothStores } from '@kilonova/store/testing'
import { bootstrap } from './bootstrap.ts'
import { createIdentity } from './identity.ts'
import { conditionsOf } from './listing.ts'
import { projectConditions } from './projects/filters.ts'
import { identitySchema } from './schema/identity-schema.ts'
import { BOOTSTRAP, bootstrapped, optionsWith } from './testing.ts'

const conflict = (error: unknown): boolean => isFault(error, 'Conflict')

onBothStores('identity', (open) => {
  const start = async () => bootstrapped(await open(identitySchema), new VirtualClock())

  it('is bootstrapped once, also by two processes at once', async () => {
    const store = await open(identitySchema)
    const processes = [1, 2].map(() => createIdentity({ store, options: optionsWith() }))
    await Promise.all(processes.map((identity) => bootstrap(identity, BOOTSTRAP)))
    const identity = processes[0]!
    await bootstrap(identity, { ...BOOTSTRAP, adminPassword: 'another' })
    const domain = await identity.projects.domain('default')
    assert.equal(domain?.name, 'Default')
    const names = async (rows: Promise<{ name: string }[]>) => (await rows).map((row) => row.name).sort()
    assert.deepEqual(await names(identity.projects.list({})), ['Default', 'admin', 'demo', 'service'])
    assert.deepEqual(await names(identity.users.list({})), ['admin', 'demo'])
    assert.deepEqual(await names(identity.roles.list({})), ['admin', 'manager', 'member', 'reader', 'service'])
    assert.equal((await identity.endpoints.list({})).length, 3 * BOOTSTRAP.services.length)
    assert.equal((await identity.assignments.all()).length, 3)
    const admin = await identity.users.byName('admin', 'default')
    assert.equal(await identity.passwords.verify(BOOTSTRAP.adminPassword, admin!.password_hash), true)
  })

  it('does not make again what an operator removed, but adds new services', async () => {
    const identity = await start()
    await identity.projects.remove((await identity.projects.byName('demo', 'default'))!)
    const [compute] = await identity.services.list({
      where: conditionsOf(new URLSearchParams('type=compute'), { type: { column: 'type', kind: 'text' } }),
    })
    await identity.services.remove(compute!.id)
    const services = [...BOOTSTRAP.services, { type: 'image', name: 'glance', path: '/image' }]
    await bootstrap(identity, { ...BOOTSTRAP, services })
    assert.equal(await identity.projects.byName('demo', 'default'), undefined)
    const types = (await identity.services.list({})).map((row) => row.type).sort()
    assert.deepEqual(types, ['identity', 'image', 'volumev3'])
  })

  it('refuses second names inside a domain, and takes them across domains', async () => {
    const { projects, users, groups, roles } = await start()
    const other = await projects.create({ name: 'other', is_domain: true }, '')
    await assert.rejects(projects.create({ name: 'demo' }, 'default'), (error: Error) => {
      const said =
        'Conflict occurred attempting to store project - Duplicate entry found with name demo at domain ID default.'
      return conflict(error) && error.message === said
    })
    await assert.rejects(projects.create({ name: 'other', is_domain: true }, ''), conflict)
    await assert.rejects(users.create({ name: 'demo' }, 'default'), conflict)
    await assert.rejects(roles.create({ name: 'admin' }), conflict)
    await groups.create({ name: 'g' }, 'default')
    await assert.rejects(groups.create({ name: 'g' }, 'default'), conflict)
    for (const room of [projects, users, groups]) await room.create({ name: 'demo' }, other.id)
    const renamed = await projects.create({ name: 'third' }, 'default')
    await assert.rejects(projects.update(renamed, { name: 'demo' }), conflict)
    await assert.rejects(users.create({ name: 'x' }, 'f'.repeat(32)), (error) => isFault(error, 'DomainNotFound'))
  })

  it('filters by exact and inexact names, flags, and pages without gaps', async () => {
    const { projects } = await start()
    for (const name of ['web-1', 'web-2', 'WEB-3', 'db%_1', 'ähre']) await projects.create({ name }, 'default')
    await projects.create({ name: 'web-off', enabled: false }, 'default')
    const find = async (query: string): Promise<string[]> => {
      const where = projectConditions(new URLSearchParams(query))
      return (await projects.list({ where })).map((row) => row.name).sort()
    }
    assert.deepEqual(await find('name=web-1'), ['web-1'])
    assert.deepEqual(await find('name__contains=eb-'), ['web-1', 'web-2', 'web-off'])
    assert.deepEqual(await find('name__icontains=eb-'), ['WEB-3', 'web-1', 'web-2', 'web-off'])
    assert.deepEqual(await find('name__startswith=WEB'), ['WEB-3'])
    assert.deepEqual(await find('name__istartswith=web-&enabled=true'), ['WEB-3', 'web-1', 'web-2'])
    assert.deepEqual(await find('name__endswith=-2'), ['web-2'])
    assert.deepEqual(await find('name__contains=%25_'), ['db%_1'])
    assert.deepEqual(await find('name__startswith=%C3%A4'), ['ähre'])
    assert.deepEqual(await find('enabled=False'), ['web-off'])
    assert.deepEqual(await find('is_domain=true'), ['Default'])
    assert.deepEqual(await find("name=' or 1=1 --"), [])
    assert.throws(() => projectConditions(new URLSearchParams('enabled=maybe')), /not a boolean/)
    const seen: string[] = []
    for (let marker: string | undefined; ; ) {
      const page = await projects.list({ limit: 2, marker })
      if (page.length === 0) break
      seen.push(...page.map((row) => row.id))
      marker = page.at(-1)!.id
    }
    assert.equal(new Set(seen).size, 10)
    assert.equal(seen.length, 10)
  })

  it('filters projects by tags', async () => {
    const { projects } = await start()
    for (const [name, tags] of Object.entries({ a: ['x', 'y'], b: ['x'], c: ['z'], d: [] })) {
      await projects.create({ name, tags }, 'default')
    }
    const find = async (query: string): Promise<string> => {
      const where = projectConditions(new URLSearchParams(`${query}&name__istartswith=`))
      const bare = ['admin', 'demo', 'service']
      return (await projects.list({ where }))
        .flatMap((row) => (bare.includes(row.name) ? [] : row.name))
        .sort()
        .join('')
    }
    assert.equal(await find('tags=x,y'), 'a')
    assert.equal(await find('tags-any=x,z'), 'abc')
    assert.equal(await find('not-tags=x,y'), 'bcd')
    assert.equal(await find('not-tags-any=x,z'), 'd')
  })

  it('works out roles by group, from above, and by implication', async () => {
    const { projects, users, groups, roles, assignments } = await start()
    const parent = await projects.create({ name: 'parent' }, 'default')
    const child = await projects.create({ name: 'child', parent_id: parent.id }, 'default')
    const user = await users.create({ name: 'u' }, 'default')
    const group = await groups.create({ name: 'g' }, 'default')
    await groups.addMember(group.id, user.id)
    await groups.addMember(group.id, user.id)
    const member = (await roles.byName('member'))!
    const manager = (await roles.byName('manager'))!
    const names = async (row: typeof child | 'system') =>
      (await assignments.effectiveRoles(user.id, row)).map((role) => role.name)
    assert.deepEqual(await names(child), [])
    const byGroup = { kind: 'group' as const, id: group.id }
    await assignments.grant(byGroup, { kind: 'project', id: parent.id, inherited: true }, member.id)
    await assignments.grant(byGroup, { kind: 'project', id: parent.id, inherited: true }, member.id)
    assert.deepEqual(await names(child), ['member', 'reader'])
    assert.deepEqual(await names(parent), [])
    const own = { kind: 'user' as const, id: user.id }
    await assignments.grant(own, { kind: 'domain', id: 'default', inherited: true }, manager.id)
    assert.deepEqual(await names(parent), ['manager', 'member', 'reader'])
    assert.deepEqual(await names((await projects.domain('default'))!), [])
    assert.deepEqual(await names('system'), [])
    const { projects: reached } = await assignments.scopesOf(user.id)
    assert.ok(reached.includes(child.id) && reached.includes(parent.id))
    await groups.removeMember(group.id, user.id)
    await assignments.revoke(own, { kind: 'domain', id: 'default', inherited: true }, manager.id)
    assert.deepEqual(await names(child), [])
    const again = assignments.revoke(own, { kind: 'domain', id: 'default', inherited: true }, manager.id)
    await assert.rejects(again, (error) => isFault(error, 'AssignmentNotFound'))
  })

  it('survives roles that imply each other, and refuses to imply admin', async () => {
    const { roles } = await start()
    const a = await roles.create({ name: 'a' })
    const b = await roles.create({ name: 'b' })
    await roles.imply(a, b)
    await roles.imply(b, a)
    const names = (await roles.expand([a.id])).map(({ role }) => role.name).sort()
    assert.deepEqual(names, ['a', 'b'])
    await assert.rejects(roles.imply(a, (await roles.byName('admin'))!), (error) => isFault(error, 'Forbidden'))
  })

  it('removes a domain with all that is in it, once it is disabled', async () => {
    const identity = await start()
    const { removeDomain } = await import('./domains/remove.ts')
    const { projects, users, groups, roles, assignments } = identity
    const domain = await projects.create({ name: 'd', is_domain: true }, '')
    const parent = await projects.create({ name: 'p', tags: ['t'] }, domain.id)
    await projects.create({ name: 'c', parent_id: parent.id }, domain.id)
    const user = await users.create({ name: 'u' }, domain.id)
    const group = await groups.create({ name: 'g' }, domain.id)
    await groups.addMember(group.id, user.id)
    const role = await roles.create({ name: 'r', domain_id: domain.id })
    await assignments.grant({ kind: 'user', id: user.id }, { kind: 'project', id: parent.id }, role.id)
    await assert.rejects(removeDomain(identity, domain), /is enabled/)
    const disabled = await projects.update(domain, { enabled: false })
    const before = await assignments.all()
    await removeDomain(identity, disabled)
    for (const room of [projects, users, groups, roles]) {
      assert.deepEqual(await room.rows.all({ domain_id: domain.id }), [])
    }
    assert.equal((await assignments.all()).length, before.length - 1)
  })

  it('keeps projects in trees of five at most, and their parents', async () => {
    const { projects } = await start()
    let parent = await projects.create({ name: 'p1' }, 'default')
    for (const name of ['p2', 'p3', 'p4', 'p5'])
      parent = await projects.create({ name, parent_id: parent.id }, 'default')
    const deeper = projects.create({ name: 'p6', parent_id: parent.id }, 'default')
    await assert.rejects(deeper, (error) => isFault(error, 'Forbidden'))
    assert.deepEqual(
      (await projects.ancestors(parent)).map((row) => row.name),
      ['p4', 'p3', 'p2', 'p1'],
    )
    const top = (await projects.byName('p1', 'default'))!
    await assert.rejects(projects.remove(top), /not a leaf/)
    await assert.rejects(projects.update(top, { enabled: false }), /subtree contains enabled/)
    await projects.remove(parent)
    assert.equal(await projects.get(parent.id), undefined)
  })

  it('keeps regions in trees, and those with endpoints', async () => {
    const { regions } = await start()
    await regions.create({ id: 'below', parent_region_id: 'RegionOne' })
    const one = (await regions.get('RegionOne'))!
    await assert.rejects(regions.update(one, { parent_region_id: 'below' }), /below itself/)
    await assert.rejects(regions.create({ id: 'below' }), conflict)
    await assert.rejects(regions.remove('RegionOne'), /associated endpoints/)
    await regions.remove('below')
    assert.equal(await regions.get('below'), undefined)
  })
})
