// /v3/roles/{id}/implies and /v3/role_inferences
import type { Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import type { Json } from '../parts.ts'
import type { RoleRow } from '../schema/tables.ts'
import { roleOf } from './routes.ts'
import { roleSummary } from './view.ts'

const LIST = '/v3/roles/:id/implies'
const ONE = `${LIST}/:implied`

type AnyCall = Call<unknown, unknown>

interface Inference {
  prior: RoleRow
  implied: RoleRow
}

async function inferenceOf(identity: Identity, call: AnyCall): Promise<Inference> {
  const prior = await roleOf(identity, call)
  const implied = await roleOf(identity, call, 'implied')
  const found = (await impliedBy(identity, prior)).some((role) => role.id === implied.id)
  if (!found) throw fault('ImpliedRoleNotFound', { prior: prior.id, implied: implied.id })
  return { prior, implied }
}

async function impliedBy({ roles }: Identity, prior: RoleRow): Promise<RoleRow[]> {
  const ids = (await roles.implications()).filter((row) => row.prior_role_id === prior.id)
  const all = new Map((await roles.list()).map((role) => [role.id, role]))
  return ids.map((row) => all.get(row.implied_role_id)!)
}

const links = ({ url }: AnyCall): { self: string } => ({ self: url.service + url.path })

function inferenceView(call: AnyCall, { prior, implied }: Inference): Json {
  const inference = { prior_role: roleSummary(call, prior), implies: roleSummary(call, implied) }
  return { role_inference: inference, links: links(call) }
}

export const impliedRoleRoutes = [
  route({
    method: 'GET',
    path: LIST,
    policy: 'identity:list_implied_roles',
    success: 200,
    async handler(identity, call) {
      const prior = await roleOf(identity, call)
      const implies = (await impliedBy(identity, prior)).map((role) => roleSummary(call, role))
      return { role_inference: { prior_role: roleSummary(call, prior), implies }, links: links(call) }
    },
  }),
  route({
    method: 'PUT',
    path: ONE,
    policy: 'identity:create_implied_role',
    success: 201,
    async handler(identity, call) {
      const inference = { prior: await roleOf(identity, call), implied: await roleOf(identity, call, 'implied') }
      await identity.roles.imply(inference.prior, inference.implied)
      return inferenceView(call, inference)
    },
  }),
  route({
    method: 'GET',
    path: ONE,
    policy: 'identity:get_implied_role',
    success: 200,
    handler: async (identity, call) => inferenceView(call, await inferenceOf(identity, call)),
  }),
  route({
    method: 'HEAD',
    path: ONE,
    policy: 'identity:check_implied_role',
    success: 204,
    async handler(identity, call) {
      await inferenceOf(identity, call)
    },
  }),
  route({
    method: 'DELETE',
    path: ONE,
    policy: 'identity:delete_implied_role',
    success: 204,
    async handler(identity, call) {
      const { prior, implied } = await inferenceOf(identity, call)
      await identity.roles.removeImplication(prior.id, implied.id)
    },
  }),
  route({
    method: 'GET',
    path: '/v3/role_inferences',
    policy: 'identity:list_role_inference_rules',
    success: 200,
    async handler(identity, call) {
      const implications = await identity.roles.implications()
      const rows = (await identity.roles.list()).filter(({ id }) =>
        implications.some((row) => row.prior_role_id === id),
      )
      const inferences = rows.map(async (prior) => {
        const implies = (await impliedBy(identity, prior)).map((role) => roleSummary(call, role))
        return { prior_role: roleSummary(call, prior), implies }
      })
      return { role_inferences: await Promise.all(inferences), links: links(call) }
    },
  }),
]
