// The schemas of this service's resources, as documents.
import { route } from '../route.ts'
import { imageDocument, imagesDocument } from './image-document.ts'
import { memberDocument, membersDocument } from './member-document.ts'

const DOCUMENTS = { image: imageDocument, images: imagesDocument, member: memberDocument, members: membersDocument }

export const schemaRoutes = Object.entries(DOCUMENTS).map(([name, document]) =>
  route({
    method: 'GET',
    path: `/v2/schemas/${name}`,
    policy: 'get_schemas',
    success: 200,
    handler: async () => document,
  }),
)
