// The operator's API below /kilonova.

import { routeOf } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { closed } from '@kilonova/api/versions'
import { explainServer } from '@kilonova/compute/explain/explain-server'
import type { Operator } from './operator.ts'
import { policy } from './policy.ts'
import { purge } from './purge.ts'
import { cloudStatus } from './status.ts'
import { allStepNames } from './steps.ts'
import { taskView } from './task-view.ts'

const route = routeOf<Operator, typeof policy>(policy)
const O = Type.Optional

const Yes = Type.Union([Type.Literal('true'), Type.Literal('false')])
const ListTasks = Type.Object(
  { live: O(Yes), stuck: O(Yes), resource_type: O(Type.String()), resource_id: O(Type.String()) },
  { ...closed, dependencies: { resource_type: ['resource_id'], resource_id: ['resource_type'] } },
)
const Purge = Type.Object({ before: Type.String({ format: 'date-time' }) }, closed)

const taskRoutes = [
  route({
    method: 'GET',
    path: '/v1/tasks',
    policy: 'kilonova:tasks:list',
    query: ListTasks,
    success: 200,
    handler: async ({ parts }, { query }) => {
      const { live, stuck, resource_type: type, resource_id: id } = query
      const resource = type === undefined || id === undefined ? {} : { resource: { type, id } }
      const tasks = await parts.tasks.list({ live: live === 'true', stuck: stuck === 'true', ...resource })
      return { tasks: tasks.map(taskView) }
    },
  }),
  route({
    method: 'GET',
    path: '/v1/tasks/steps',
    policy: 'kilonova:tasks:list',
    success: 200,
    handler: async () => ({ steps: allStepNames() }),
  }),
  route({
    method: 'POST',
    path: '/v1/tasks/:id/retry',
    policy: 'kilonova:tasks:retry',
    success: 202,
    handler: async ({ parts }, { params }) => {
      await parts.tasks.retry(params['id']!)
      return { task: taskView((await parts.tasks.get(params['id']!))!) }
    },
  }),
]

export const operatorRoutes = [
  ...taskRoutes,
  route({
    method: 'GET',
    path: '/v1/status',
    policy: 'kilonova:status',
    success: 200,
    handler: (operator) => cloudStatus(operator),
  }),
  route({
    method: 'GET',
    path: '/v1/audit',
    policy: 'kilonova:audit',
    success: 200,
    handler: ({ audits }) => audits.run(),
  }),
  route({
    method: 'GET',
    path: '/v1/servers/:server/explain',
    policy: 'kilonova:servers:explain',
    success: 200,
    handler: ({ parts }, { params }) => explainServer(parts.compute, params['server']!),
  }),
  route({
    method: 'POST',
    path: '/v1/purge',
    policy: 'kilonova:purge',
    body: Purge,
    success: 200,
    handler: async ({ parts }, { body }) => ({ purged: await purge(parts.compute, Date.parse(body.before)) }),
  }),
]
