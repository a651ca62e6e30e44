// The projects that an image is shared with: its owner adds and removes them, each decides for itself.
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import { ownImage, requireRule, seenImage } from '../images/access.ts'
import type { Image } from '../images/image.ts'
import { checkLimit } from '../images/quotas.ts'
import type { ImageParts } from '../parts.ts'
import type { MemberRow, MemberStatus } from '../schema/tables.ts'

export interface Membership {
  id: string
  member: string
}

const isOwner = (context: RequestContext, { owner }: Image): boolean => context.isAdmin || owner === context.projectId

/** All members for the owner, its own membership for a member. */
export async function listMembers(parts: ImageParts, context: RequestContext, id: string): Promise<MemberRow[]> {
  const image = await sharedImage(parts, context, id)
  const members = await parts.members.list(id)
  return isOwner(context, image) ? members : members.filter(({ member }) => member === context.projectId)
}

export async function showMember(parts: ImageParts, context: RequestContext, asked: Membership): Promise<MemberRow> {
  const image = await sharedImage(parts, context, asked.id)
  const isMine = isOwner(context, image) || asked.member === context.projectId
  const row = isMine && isPlain(asked.member) ? await parts.members.get(asked.id, asked.member) : undefined
  if (!row) throw fault('MemberNotFound', { member: asked.member })
  return row
}

export async function addMember(parts: ImageParts, context: RequestContext, asked: Membership): Promise<MemberRow> {
  const { id, member } = asked
  const image = await ownImage(parts, context, { id, rule: 'add_member' })
  if (image.visibility !== 'shared') throw fault('NotShared', {})
  const now = parts.clock.now()
  const row: MemberRow = { image_id: id, member, status: 'pending', created_at: now, updated_at: now }
  await parts.images.exclusively(id, async () => {
    const members = await parts.members.list(id)
    if (members.some((other) => other.member === member)) throw fault('MemberExists', { member, id })
    checkLimit('members', members.length + 1, parts.options.image_member_quota)
    await parts.members.insert(row)
  })
  return row
}

/** Only the member decides: not even the owner does for it. */
export async function setMemberStatus(
  parts: ImageParts,
  context: RequestContext,
  { id, member, status }: Membership & { status: MemberStatus },
): Promise<MemberRow> {
  await sharedImage(parts, context, id)
  requireRule(context, 'modify_member', member)
  return parts.members.setStatus(await showMember(parts, context, { id, member }), status, parts.clock.now())
}

export async function deleteMember(parts: ImageParts, context: RequestContext, asked: Membership): Promise<void> {
  const image = await ownImage(parts, context, { id: asked.id, rule: 'delete_member' })
  if (image.visibility !== 'shared') throw fault('NotShared', {})
  const isDeleted = isPlain(asked.member) && (await parts.members.delete(asked.id, asked.member))
  if (!isDeleted) throw fault('MemberNotFound', { member: asked.member })
}

async function sharedImage(parts: ImageParts, context: RequestContext, id: string): Promise<Image> {
  const image = await seenImage(parts, context, id)
  if (image.visibility !== 'shared') throw fault('NotShared', {})
  return image
}

/** PostgreSQL takes no NUL in a text. */
function isPlain(text: string): boolean {
  return !text.includes('\0')
}
