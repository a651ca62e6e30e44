// Discovery, and what this service can do.
import { Answer } from '@kilonova/api/route'
import { route } from '../route.ts'
import { versionsDocument } from '../versions.ts'

export const infoRoutes = [
  route({
    method: 'GET',
    path: '/',
    policy: 'public',
    success: 300,
    handler: async (_, { url }) => versionsDocument(url.service),
  }),
  route({
    method: 'GET',
    path: '/versions',
    policy: 'public',
    success: 200,
    handler: async (_, { url }) => versionsDocument(url.service),
  }),
  route({
    method: 'GET',
    path: '/v2/info/import',
    policy: 'get_import_info',
    success: 200,
    handler: async () =>
      new Answer({
        body: { 'import-methods': { description: 'Import methods available.', type: 'array', value: [] } },
      }),
  }),
]
