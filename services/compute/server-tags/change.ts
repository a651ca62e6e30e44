// Changes a server's tags where its state allows it. Locks do not matter to tags.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { getServer, updateServer } from '../servers/store.ts'
import { MOST_LETTERS, MOST_TAGS } from '../servers/tag.ts'
import { parsed } from '../servers/view.ts'

const CHANGEABLE = ['active', 'paused', 'suspended', 'stopped']

interface TagChange {
  serverId: string
  /** The name in refusals. */
  action: string
  /** Throws to refuse. */
  next: (old: readonly string[]) => readonly string[]
}

/** Returns what they are afterwards. */
export function changeTags(
  compute: Compute,
  context: RequestContext,
  { serverId, action, next }: TagChange,
): Promise<string[]> {
  return compute.store.transaction(async () => {
    const { vm_state: state, tags_json: before } = await getServer(compute, context, serverId)
    if (!CHANGEABLE.includes(state))
      throw fault('InstanceInvalidState', { id: serverId, action, attribute: 'vm_state', state })
    const tags = [...new Set(next(parsed(before)))]
    const after = JSON.stringify(tags)
    if (after !== before) await updateServer(compute, serverId, { tags_json: after })
    return tags
  })
}

/** The tags with one more. A server that is full takes none, not even one that it has. */
export function withTag(tags: readonly string[], tag: string): readonly string[] {
  if (!/^[^,/]+$/.test(tag)) throw fault('InvalidTag', { tag })
  if (tags.length >= MOST_TAGS) throw fault('TooManyTags', { most: MOST_TAGS })
  if (tag.length > MOST_LETTERS) throw fault('TagTooLong', { tag, most: MOST_LETTERS })
  return [...tags, tag]
}
