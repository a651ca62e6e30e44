// /v3/role_assignments
import { route } from '../identity-route.ts'
import { linksOf } from '../listing.ts'
import {
  assignmentQuery,
  assignmentView,
  domainOfTarget,
  findAssignments,
  idsOnly,
  readNames,
} from './role-assignments.ts'

export const assignmentRoutes = [
  route({
    method: 'GET',
    path: '/v3/role_assignments',
    policy: 'identity:list_role_assignments',
    success: 200,
    async handler(identity, call) {
      const query = assignmentQuery(call.search)
      let found = await findAssignments(identity, query)
      if (!call.allows('identity:list_role_assignments', { domainId: null })) {
        const projects = new Map((await identity.projects.list({})).map((row) => [row.id, row]))
        found = found.filter(({ row }) => domainOfTarget(row, projects) === call.context.domainId)
      }
      const names = query.names ? await readNames(identity) : idsOnly
      return { role_assignments: found.map((one) => assignmentView(call, one, names)), links: linksOf(call) }
    },
  }),
]
