// Withholds an image's data from everybody but admins, and gives it free again.
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import type { ImageParts } from '../parts.ts'
import { ownImage } from './access.ts'

const TRANSITIONS = {
  deactivate: { from: ['active', 'deactivated'], to: 'deactivated' },
  reactivate: { from: ['deactivated', 'active'], to: 'active' },
} as const

export async function setDeactivated(
  parts: ImageParts,
  context: RequestContext,
  { id, action }: { id: string; action: keyof typeof TRANSITIONS },
): Promise<void> {
  const { status } = await ownImage(parts, context, { id, rule: action })
  const { from, to } = TRANSITIONS[action]
  const isMoved = await parts.images.setStatus(id, [...from], to, parts.clock.now())
  if (!isMoved) throw fault('ActionNotAllowed', { action, status })
}
