import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import type { Store } from '@kilonova/store/store'
import { onBothStores } from '@kilonova/store/testing'
import { identityClient } from '../client.ts'
import type { Identity } from '../identity.ts'
import { createIdentity } from '../identity.ts'
import { identitySchema } from '../schema/identity-schema.ts'
import type { IdentityTables, UserRow } from '../schema/tables.ts'
import { bootstrapped, optionsWith } from '../testing.ts'
import type { Scope } from './seal.ts'
import type { NewToken } from './tokens.ts'

/** The longest that a process may rely on what it knew. */
const NOTICED_MS = 2001

const passwordProof = (user: UserRow, scope: Scope): NewToken => ({
  userId: user.id,
  userGeneration: user.token_generation,
  scope,
  methods: ['password'],
})

async function demoToken(identity: Identity): Promise<string> {
  const user = (await identity.users.byName('demo', 'default'))!
  const project = (await identity.projects.byName('demo', 'default'))!
  return (await identity.tokens.issue(passwordProof(user, { kind: 'project', id: project.id }))).text
}

onBothStores('tokens', (open) => {
  interface Two {
    store: Store
    clock: VirtualClock
    /** Where changes are made. */
    here: Identity
    /** Another process on the same store. */
    there: Identity
  }
  async function two(): Promise<Two> {
    const store = await open(identitySchema)
    const clock = new VirtualClock()
    const here = await bootstrapped(store, clock)
    return { store, clock, here, there: createIdentity({ store, clock, options: optionsWith() }) }
  }

  it('say who bears them', async () => {
    const { here } = await two()
    const verified = await identityClient(here).verifyToken(await demoToken(here))
    const { userName, userDomainName, projectName, projectDomainId, domainId, systemScope, roles, isAdmin } = verified
    assert.deepEqual(
      { userName, userDomainName, projectName, projectDomainId, domainId, systemScope, roles, isAdmin },
      {
        userName: 'demo',
        userDomainName: 'Default',
        projectName: 'demo',
        projectDomainId: 'default',
        domainId: null,
        systemScope: null,
        roles: ['member', 'reader'],
        isAdmin: false,
      },
    )
  })

  const endings: Record<string, (identity: Identity, token: string) => Promise<unknown>> = {
    'the user is disabled': async ({ users }) =>
      users.update((await users.byName('demo', 'default'))!, { enabled: false }),
    'the user is removed': async ({ users }) => users.remove((await users.byName('demo', 'default'))!.id),
    'the password is changed': async ({ users }) =>
      users.update((await users.byName('demo', 'default'))!, { password: 'new' }),
    'the project is disabled': async ({ projects }) =>
      projects.update((await projects.byName('demo', 'default'))!, { enabled: false }),
    'the project is removed': async ({ projects }) => projects.remove((await projects.byName('demo', 'default'))!),
    'the domain is disabled': async ({ projects }) =>
      projects.update((await projects.domain('default'))!, { enabled: false }),
    'the last role is taken': async ({ users, projects, roles, assignments }) => {
      const user = (await users.byName('demo', 'default'))!
      const project = (await projects.byName('demo', 'default'))!
      const role = (await roles.byName('member'))!
      await assignments.revoke({ kind: 'user', id: user.id }, { kind: 'project', id: project.id }, role.id)
    },
    'it is revoked': async ({ tokens }, token) => tokens.revoke((await tokens.verify(token))!),
  }
  for (const [when, end] of Object.entries(endings)) {
    it(`are dead when ${when}: at once here, within two seconds elsewhere`, async () => {
      const { clock, here, there } = await two()
      const token = await demoToken(here)
      assert.ok(await here.tokens.verify(token))
      assert.ok(await there.tokens.verify(token))
      await end(here, token)
      assert.equal(await here.tokens.verify(token), undefined)
      await clock.advance(NOTICED_MS)
      assert.equal(await there.tokens.verify(token), undefined)
    })
  }

  it('stay dead when user and project are enabled again, and new ones hold at once', async () => {
    const { here } = await two()
    const token = await demoToken(here)
    for (const enabled of [false, true]) {
      await here.users.update((await here.users.byName('demo', 'default'))!, { enabled })
    }
    assert.equal(await here.tokens.verify(token), undefined)
    const second = await demoToken(here)
    assert.ok(await here.tokens.verify(second))
    for (const enabled of [false, true]) {
      await here.projects.update((await here.projects.byName('demo', 'default'))!, { enabled })
    }
    assert.equal(await here.tokens.verify(second), undefined)
    assert.ok(await here.tokens.verify(await demoToken(here)))
  })

  it('lose a role that is taken while others are left', async () => {
    const { here } = await two()
    const user = (await here.users.byName('demo', 'default'))!
    const project = (await here.projects.byName('demo', 'default'))!
    const admin = (await here.roles.byName('admin'))!
    const actor = { kind: 'user' as const, id: user.id }
    const target = { kind: 'project' as const, id: project.id }
    await here.assignments.grant(actor, target, admin.id)
    const token = await demoToken(here)
    assert.equal((await here.tokens.verify(token))?.isAdmin, true)
    await here.assignments.revoke(actor, target, admin.id)
    assert.equal((await here.tokens.verify(token))?.isAdmin, false)
  })

  it('expire', async () => {
    const { clock, here } = await two()
    const token = await demoToken(here)
    await clock.advance(3_599_999)
    assert.ok(await here.tokens.verify(token))
    await clock.advance(1)
    assert.equal(await here.tokens.verify(token), undefined)
    assert.ok(await here.tokens.verify(token, { allowExpired: true }))
    await clock.advance(48 * 3_600_000)
    assert.equal(await here.tokens.verify(token, { allowExpired: true }), undefined)
  })

  it('hold across a change of keys, everywhere, and the old key goes when nobody needs it', async () => {
    const { clock, here, there, store } = await two()
    const keyIds = async (): Promise<number[]> => {
      const rows = await store
        .as<IdentityTables>()
        .selectFrom('identity_token_keys')
        .select('id')
        .orderBy('id')
        .execute()
      return rows.map((row) => row.id)
    }
    const old = await demoToken(here)
    assert.ok(await there.tokens.verify(old))
    await here.keys.rotate()
    const during = await demoToken(here)
    assert.ok(await there.tokens.verify(during), 'a process that has not read the new key yet')
    await clock.advance(15_000)
    const fresh = await demoToken(here)
    for (const token of [old, during, fresh]) {
      assert.ok(await here.tokens.verify(token))
      assert.ok(await there.tokens.verify(token))
    }
    assert.deepEqual(await keyIds(), [1, 2])
    await clock.advance(3 * 86_400_000)
    await demoToken(here)
    assert.deepEqual(await keyIds(), [2, 3])
  })

  it('are sealed with one key when two processes begin at once', async () => {
    const { here, there } = await two()
    const [a, b] = await Promise.all([demoToken(here), demoToken(there)])
    for (const identity of [here, there]) {
      assert.ok(await identity.tokens.verify(a))
      assert.ok(await identity.tokens.verify(b))
    }
  })

  it('are not issued to who may have none', async () => {
    const { here } = await two()
    const user = (await here.users.byName('demo', 'default'))!
    const scopes: Scope[] = [
      { kind: 'system' },
      { kind: 'domain', id: 'default' },
      { kind: 'project', id: 'default' },
      { kind: 'project', id: 'none' },
    ]
    for (const scope of scopes) {
      const issued = here.tokens.issue(passwordProof(user, scope))
      await assert.rejects(issued, (error) => isFault(error, 'Unauthorized'))
    }
  })

  it('are not issued for a password that was changed while it was checked', async () => {
    const { here } = await two()
    const proven = (await here.users.byName('demo', 'default'))!
    await here.users.update(proven, { password: 'new' })
    const issued = here.tokens.issue(passwordProof(proven, { kind: 'unscoped' }))
    await assert.rejects(issued, (error) => isFault(error, 'Unauthorized'))
  })

  it('end by a change of password even after the clock went back', async () => {
    const store = await open(identitySchema)
    const later = await bootstrapped(store, new VirtualClock(1_700_000_000_000))
    const token = await demoToken(later)
    const earlier = createIdentity({ store, clock: new VirtualClock(1_699_900_000_000), options: optionsWith() })
    assert.ok(await earlier.tokens.verify(token))
    await earlier.users.update((await earlier.users.byName('demo', 'default'))!, { password: 'new' })
    assert.equal(await earlier.tokens.verify(token), undefined)
    assert.ok(await earlier.tokens.verify(await demoToken(earlier)))
  })

  it('answer other services about projects and users', async () => {
    const { clock, here, there } = await two()
    const client = identityClient(there)
    const project = await here.projects.create({ name: 'p' }, 'default')
    const admin = (await here.users.byName('admin', 'default'))!
    assert.equal(await client.projectExists(project.id), true)
    assert.equal(await client.projectName(project.id), 'p')
    assert.equal(await client.userName(admin.id), 'admin')
    assert.equal(await client.projectExists('default'), false)
    assert.equal(await client.projectName('none'), null)
    assert.equal(await client.userName('none'), null)
    await here.projects.remove(project)
    await clock.advance(NOTICED_MS)
    assert.equal(await client.projectExists(project.id), false)
    await assert.rejects(client.verifyToken('x'), (error) => isFault(error, 'Unauthorized'))
  })
})
