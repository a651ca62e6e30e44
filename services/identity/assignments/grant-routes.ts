// Grants: /v3/{projects|domains}/{id}/{users|groups}/{id}/roles/{id}, /v3/system/… and /v3/OS-INHERIT/….
import type { Call, Method } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import { linksOf } from '../listing.ts'
import type { policy } from '../policy.ts'
import { owningDomain } from '../projects/routes.ts'
import { roleOf } from '../roles/routes.ts'
import { roleView } from '../roles/view.ts'
import type { ActorKind, RoleRow } from '../schema/tables.ts'
import { NO_DOMAIN } from '../schema/tables.ts'
import type { Actor, AssignmentTarget } from './store.ts'
import { SYSTEM } from './store.ts'

type AnyCall = Call<unknown, unknown>
type RuleName = keyof typeof policy

/** One shape of path: what the role is held on, and by whom. */
interface Shape {
  path: string
  one: string
  actor: ActorKind
  target: 'project' | 'domain' | 'system'
  inherited: boolean
  rule(verb: 'list' | 'check' | 'create' | 'revoke'): RuleName
}

function shapesOf(actor: ActorKind): Shape[] {
  const roles = `${actor}s/:actor/roles`
  const rule = (verb: string): RuleName =>
    verb === 'list' ? 'identity:list_grants' : (`identity:${verb}_grant` as RuleName)
  const systemRule = (verb: string): RuleName =>
    `identity:${verb}_system_grant${verb === 'list' ? 's' : ''}_for_${actor}` as RuleName
  const system: Shape = {
    path: `/v3/system/${roles}`,
    one: `/v3/system/${roles}/:role`,
    actor,
    target: 'system',
    inherited: false,
    rule: systemRule,
  }
  const others = (['project', 'domain'] as const).flatMap((target): Shape[] => {
    const path = `/v3/${target}s/:target/${roles}`
    const below = `/v3/OS-INHERIT/${target}s/:target/${roles}`
    const ending = '/inherited_to_projects'
    return [
      { path, one: `${path}/:role`, actor, target, inherited: false, rule },
      { path: below + ending, one: `${below}/:role${ending}`, actor, target, inherited: true, rule },
    ]
  })
  return [system, ...others]
}

interface Parties {
  actor: Actor
  target: AssignmentTarget
}

/** Actor and target of the path, if the rule holds on the domain that owns both; who may not is not told what exists. */
async function partiesOf(identity: Identity, call: AnyCall, shape: Shape, rule: RuleName): Promise<Parties> {
  const actorId = call.params['actor']!
  const actor = shape.actor === 'user' ? await identity.users.get(actorId) : await identity.groups.get(actorId)
  const targetId = call.params['target'] ?? SYSTEM.id
  const target = await targetRow(identity, shape, targetId)
  const shared = actor && actor.domain_id === owningDomain(target) ? actor.domain_id : null
  call.require(rule, { domainId: shared })
  if (!target && shape.target !== 'system') {
    throw fault(shape.target === 'domain' ? 'DomainNotFound' : 'ProjectNotFound', { id: targetId })
  }
  if (!actor) throw fault(shape.actor === 'user' ? 'UserNotFound' : 'GroupNotFound', { id: actorId })
  return {
    actor: { kind: shape.actor, id: actorId },
    target: { kind: shape.target, id: targetId, inherited: shape.inherited },
  }
}

function targetRow({ projects }: Identity, { target }: Shape, id: string) {
  if (target === 'system') return undefined
  return target === 'domain' ? projects.domain(id) : projects.rows.find({ id, is_domain: 0 })
}

const MANAGED = ['manager', 'member', 'reader']

/** A domain's manager hands out only the lesser roles. */
function requireGrantable(call: AnyCall, role: RoleRow, rule: RuleName): void {
  const lesser = MANAGED.includes(role.name) && role.domain_id === NO_DOMAIN
  if (!lesser) call.require(rule, { domainId: null })
}

function routesOf(shape: Shape) {
  const check = async (identity: Identity, call: AnyCall): Promise<void> => {
    const { actor, target } = await partiesOf(identity, call, shape, shape.rule('check'))
    const role = await roleOf(identity, call, 'role')
    if ((await identity.assignments.granted(actor, target)).includes(role.id)) return
    throw fault('AssignmentNotFound', { role: role.id, actor: actor.id, target: target.id })
  }
  const write =
    (verb: 'create' | 'revoke') =>
    async (identity: Identity, call: AnyCall): Promise<void> => {
      const rule = shape.rule(verb)
      const { actor, target } = await partiesOf(identity, call, shape, rule)
      const role = await roleOf(identity, call, 'role')
      requireGrantable(call, role, rule)
      if (verb === 'revoke') return identity.assignments.revoke(actor, target, role.id)
      refuseStranger(role, actor, shape)
      return identity.assignments.grant(actor, target, role.id)
    }
  const list = async (identity: Identity, call: AnyCall) => {
    const { actor, target } = await partiesOf(identity, call, shape, shape.rule('list'))
    const ids = new Set(await identity.assignments.granted(actor, target))
    const roles = (await identity.roles.list()).filter((role) => ids.has(role.id))
    return { roles: roles.map((role) => roleView(call, role)), links: linksOf(call) }
  }
  const one = (method: Method, verb: 'check' | 'create' | 'revoke') => ({
    method,
    path: shape.one,
    policy: shape.rule(verb),
    success: 204,
  })
  return [
    route({ method: 'GET', path: shape.path, policy: shape.rule('list'), success: 200, handler: list }),
    route({ ...one('PUT', 'create'), handler: write('create') }),
    route({ ...one('GET', 'check'), handler: check }),
    route({ ...one('DELETE', 'revoke'), handler: write('revoke') }),
  ]
}

/** A role of one domain cannot be held on the system. */
function refuseStranger(role: RoleRow, actor: Actor, { target }: Shape): void {
  if (target !== 'system' || role.domain_id === NO_DOMAIN) return
  const message = `The role ${role.id} belongs to a domain and cannot be granted to ${actor.kind} ${actor.id} on the system.`
  throw fault('Forbidden', { message })
}

export const grantRoutes = [...shapesOf('user'), ...shapesOf('group')].flatMap(routesOf)
