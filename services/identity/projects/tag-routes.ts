// /v3/projects/{id}/tags

import { Answer } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Identity } from '../identity.ts'
import { route } from '../identity-route.ts'
import { linksOf } from '../listing.ts'
import { projectOf } from './routes.ts'
import { UpdateTags } from './schema.ts'

const TAGS = '/v3/projects/:id/tags'
const TAG = `${TAGS}/:tag`
const MOST = 80
const FORM = /^[^,/]{1,255}$/

async function tagsOf({ projects }: Identity, id: string): Promise<string[]> {
  return (await projects.tags([id])).get(id)!
}

export const tagRoutes = [
  route({
    method: 'GET',
    path: TAGS,
    policy: 'identity:list_project_tags',
    success: 200,
    async handler(identity, call) {
      const { id } = await projectOf(identity, call, 'identity:list_project_tags')
      return { tags: await tagsOf(identity, id), links: linksOf(call) }
    },
  }),
  route({
    method: 'PUT',
    path: TAGS,
    policy: 'identity:update_project_tags',
    body: UpdateTags,
    success: 200,
    async handler(identity, call) {
      const { id } = await projectOf(identity, call, 'identity:update_project_tags')
      await identity.projects.setTags(id, call.body.tags)
      return { tags: await tagsOf(identity, id), links: linksOf(call) }
    },
  }),
  route({
    method: 'DELETE',
    path: TAGS,
    policy: 'identity:delete_project_tags',
    success: 204,
    async handler(identity, call) {
      const { id } = await projectOf(identity, call, 'identity:delete_project_tags')
      await identity.projects.setTags(id, [])
    },
  }),
  route({
    method: 'GET',
    path: TAG,
    policy: 'identity:get_project_tag',
    success: 204,
    async handler(identity, call) {
      const { id } = await projectOf(identity, call, 'identity:get_project_tag')
      const tag = call.params['tag']!
      if (!(await tagsOf(identity, id)).includes(tag)) throw fault('TagNotFound', { id: tag })
    },
  }),
  route({
    method: 'PUT',
    path: TAG,
    policy: 'identity:create_project_tag',
    success: 201,
    async handler(identity, call) {
      const { id } = await projectOf(identity, call, 'identity:create_project_tag')
      const tag = call.params['tag']!
      if (!FORM.test(tag)) throw fault('Invalid', { message: `Invalid input for field 'tag': '${tag}'.` })
      await identity.store.transaction(async () => {
        const tags = await tagsOf(identity, id)
        if (tags.includes(tag)) return
        if (tags.length >= MOST) throw fault('Invalid', { message: `A project has at most ${MOST} tags.` })
        await identity.projects.setTags(id, [...tags, tag])
      })
      return new Answer({ headers: { location: `${call.url.service}${call.url.path}` } })
    },
  }),
  route({
    method: 'DELETE',
    path: TAG,
    policy: 'identity:delete_project_tag',
    success: 204,
    async handler(identity, call) {
      const { id } = await projectOf(identity, call, 'identity:delete_project_tag')
      const tag = call.params['tag']!
      await identity.store.transaction(async () => {
        const tags = await tagsOf(identity, id)
        if (!tags.includes(tag)) throw fault('TagNotFound', { id: tag })
        await identity.projects.setTags(
          id,
          tags.filter((other) => other !== tag),
        )
      })
    },
  }),
]
