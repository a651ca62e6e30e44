// /v2.0/auto-allocated-topology: the network that a project is given because it asks for one.
import type { Call } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { route } from '../route.ts'
import { findTopology, outsideNetwork, provideTopology, removeTopology } from './topology.ts'

const PATH = '/v2.0/auto-allocated-topology/:projectId'

/** Clients that name no project send None. */
function projectOf({ params, context }: Pick<Call, 'params' | 'context'>): string {
  const named = params['projectId']!
  return named === 'None' ? (context.projectId ?? '') : named
}

const view = (id: string, projectId: string) => ({
  auto_allocated_topology: { id, tenant_id: projectId, project_id: projectId },
})

const Asked = Type.Object({ fields: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])) }, closed)

export const autoAllocatedTopologyRoutes = [
  route({
    method: 'GET',
    path: PATH,
    policy: 'get_auto_allocated_topology',
    query: Asked,
    success: 200,
    handler: async (network, call) => {
      const projectId = projectOf(call)
      call.require('get_auto_allocated_topology', { projectId })
      if (![call.query.fields].flat().includes('dry-run')) {
        return view(await provideTopology(network, projectId), projectId)
      }
      if (!(await findTopology(network, projectId))) await outsideNetwork(network)
      return view('dry-run=pass', projectId)
    },
  }),
  route({
    method: 'DELETE',
    path: PATH,
    policy: 'delete_auto_allocated_topology',
    success: 204,
    handler: async (network, call) => {
      const projectId = projectOf(call)
      call.require('delete_auto_allocated_topology', { projectId })
      await removeTopology(network, call, projectId)
    },
  }),
]
