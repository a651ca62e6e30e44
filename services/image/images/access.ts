// Which images a caller sees, and what the caller may do with them.
import type { RequestContext } from '@kilonova/base/context'
import { isUuid } from '@kilonova/base/ids'
import { fault } from '../faults.ts'
import type { ImageParts } from '../parts.ts'
import { policy, type Rule } from '../policy.ts'
import type { Image } from './image.ts'

/** The image, if the caller may know of it. Throws ImageNotFound for everybody else. */
export async function seenImage(parts: ImageParts, context: RequestContext, id: string): Promise<Image> {
  const image = isUuid(id) ? await parts.images.get(id) : undefined
  if (!image || !(await isSeen(parts, context, image))) throw fault('ImageNotFound', { id })
  return image
}

async function isSeen(parts: ImageParts, context: RequestContext, image: Image): Promise<boolean> {
  if (context.isAdmin || image.visibility === 'public' || image.visibility === 'community') return true
  if (context.projectId === null) return false
  if (image.owner === context.projectId) return true
  return image.visibility === 'shared' && (await parts.members.get(image.id, context.projectId)) !== undefined
}

/** The image, if the caller sees it and the rule lets the caller act on it as its owner. */
export async function ownImage(
  parts: ImageParts,
  context: RequestContext,
  { id, rule }: { id: string; rule: Rule },
): Promise<Image> {
  const image = await seenImage(parts, context, id)
  requireRule(context, rule, image.owner)
  return image
}

/** Throws ImageNotAllowed unless the rule passes for things of that project. */
export function requireRule(context: RequestContext, rule: Rule, projectId: string | null): void {
  if (!policy[rule](context, { projectId })) throw fault('ImageNotAllowed', { rule })
}
