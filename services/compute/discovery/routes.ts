// The routes of discovery: versions and extensions.
import { fault } from '../faults.ts'
import { route } from '../route.ts'
import { versionDocument, versionsDocument } from './documents.ts'
import { EXTENSIONS } from './extensions-table.ts'

const NAMESPACE = 'http://docs.openstack.org/compute/ext/fake_xml'
const UPDATED = '2014-12-03T00:00:00Z'

const extensions = EXTENSIONS.map(([alias, name, description]) => ({
  alias,
  name,
  description,
  links: [],
  namespace: NAMESPACE,
  updated: UPDATED,
}))

export const discoveryRoutes = [
  route({
    method: 'GET',
    path: '/',
    policy: 'public',
    success: 200,
    handler: async (_, { url }) => versionsDocument(url.service),
  }),
  route({
    method: 'GET',
    path: '/v2.1',
    policy: 'public',
    success: 200,
    handler: async (_, { url }) => versionDocument(url.service, 'v2.1'),
  }),
  route({
    method: 'GET',
    path: '/v2',
    policy: 'public',
    success: 200,
    handler: async (_, { url }) => versionDocument(url.service, 'v2.0'),
  }),
  route({
    method: 'GET',
    path: '/v2.1/versions/:id',
    policy: 'public',
    success: 200,
    handler: async (_, { url, params }) => {
      const document = versionDocument(url.service, params['id']!)
      if (!document) throw fault('NoSuchDocument', {})
      return document
    },
  }),
  route({
    method: 'GET',
    path: '/v2.1/extensions',
    policy: 'extensions',
    success: 200,
    handler: async () => ({ extensions }),
  }),
  route({
    method: 'GET',
    path: '/v2.1/extensions/:alias',
    policy: 'extensions',
    success: 200,
    handler: async (_, { params }) => {
      const extension = extensions.find(({ alias }) => alias === params['alias'])
      if (!extension) throw fault('NoSuchDocument', {})
      return { extension }
    },
  }),
]
