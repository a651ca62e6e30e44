// What a new cloud holds. Each part is made once: what an operator removes or changes later stays so.

import { isDuplicate } from '@kilonova/store/store'
import { SYSTEM } from './assignments/store.ts'
import type { Identity } from './identity.ts'
import type { IdentityTables, RoleRow } from './schema/tables.ts'

export interface CatalogService {
  /** Such as `compute`. */
  type: string
  /** Such as `nova`. */
  name: string
  /** Below the base url, such as `/compute/v2.1`; may hold `%(project_id)s`. */
  path: string
}

export interface BootstrapOptions {
  adminPassword: string
  demoPassword: string
  /** RegionOne unless the operator says otherwise. */
  region: string
  services: readonly CatalogService[]
}

export const DEFAULT_DOMAIN = 'default'
const PROJECTS = { admin: 'Bootstrap project for initializing the cloud.', demo: '', service: '' }
const INTERFACES = ['public', 'internal', 'admin'] as const
const IMMUTABLE = { immutable: true }

/** Makes what is missing; may run at each start, and in several processes at once. */
export async function bootstrap(identity: Identity, options: BootstrapOptions): Promise<void> {
  await once(identity, 'cloud', async () => {
    const adminHash = await identity.passwords.hash(options.adminPassword)
    const demoHash = await identity.passwords.hash(options.demoPassword)
    return () => makeCloud(identity, { admin: adminHash, demo: demoHash })
  })
  await once(identity, `region ${options.region}`, async () => async () => {
    if (!(await identity.regions.get(options.region))) await identity.regions.create({ id: options.region })
  })
  for (const service of options.services) {
    await once(identity, `service ${service.type}`, async () => () => makeService(identity, service, options.region))
  }
}

/** Runs the prepared work in one transaction with the record that it ran. */
async function once(identity: Identity, name: string, prepare: () => Promise<() => Promise<void>>): Promise<void> {
  const db = () => identity.store.as<IdentityTables>()
  const query = db().selectFrom('identity_bootstrapped').selectAll().where('name', '=', name)
  if (await query.executeTakeFirst()) return
  const work = await prepare()
  try {
    await identity.store.transaction(async () => {
      await db().insertInto('identity_bootstrapped').values({ name }).execute()
      await work()
    })
  } catch (error) {
    if (!(isDuplicate(error) && (await query.executeTakeFirst()))) throw error
  }
}

async function makeCloud(identity: Identity, hashes: { admin: string; demo: string }): Promise<void> {
  const { projects } = identity
  const domain = { name: 'Default', description: 'The default domain', is_domain: true }
  await projects.create(domain, DEFAULT_DOMAIN, DEFAULT_DOMAIN)
  const made = new Map<string, string>()
  for (const [name, description] of Object.entries(PROJECTS)) {
    made.set(name, (await projects.create({ name, description }, DEFAULT_DOMAIN)).id)
  }
  const roles = await makeRoles(identity)
  const admin = await makeUser(identity, 'admin', hashes.admin)
  const demo = await makeUser(identity, 'demo', hashes.demo)
  const grant = (user: string, project: string, role: string) =>
    identity.assignments.grant(
      { kind: 'user', id: user },
      { kind: 'project', id: made.get(project)! },
      roles.get(role)!.id,
    )
  await grant(admin, 'admin', 'admin')
  await grant(demo, 'demo', 'member')
  await identity.assignments.grant({ kind: 'user', id: admin }, SYSTEM, roles.get('admin')!.id)
}

/** Each of these implies the next. */
const CHAIN = ['admin', 'manager', 'member', 'reader']

async function makeRoles({ roles }: Identity): Promise<Map<string, RoleRow>> {
  const made = new Map<string, RoleRow>()
  for (const name of [...CHAIN, 'service']) made.set(name, await roles.create({ name, options: IMMUTABLE }))
  for (const [i, name] of CHAIN.slice(0, -1).entries()) await roles.imply(made.get(name)!, made.get(CHAIN[i + 1]!)!)
  return made
}

async function makeUser({ users }: Identity, name: string, hash: string): Promise<string> {
  const user = await users.create({ name }, DEFAULT_DOMAIN)
  await users.rows.update(user.id, { password_hash: hash })
  return user.id
}

async function makeService(identity: Identity, { type, name, path }: CatalogService, region: string): Promise<void> {
  const service = await identity.services.create({ type, name })
  for (const side of INTERFACES) {
    const url = `%(base_url)s${path}`
    await identity.endpoints.create({ service_id: service.id, interface: side, region, url })
  }
}
