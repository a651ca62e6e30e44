// What requests for new servers and for rebuilding have in common, checked.
import type { Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { GuestFile, GuestKey } from '../agent/guest-spec.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import { keypairOfUser } from '../keypairs/store.ts'
import { quotaOf } from '../quota-limits.ts'

/** Bytes of decoded user data. */
const MOST_USER_DATA = 65_535

interface Asked {
  metadata?: Record<string, string> | undefined
  user_data?: string | null | undefined
  personality?: readonly GuestFile[] | undefined
}

/** Throws when the project may not have so much metadata, or such files, or the user data is too long. */
export async function refuseTooMuch(compute: Compute, projectId: string, asked: Asked): Promise<void> {
  const { metadata = {}, user_data: userData, personality: files = [] } = asked
  const quota = await quotaOf(compute, projectId)
  const isOver = (amount: number, allowed: number): boolean => allowed >= 0 && amount > allowed
  if (isOver(Object.keys(metadata).length, quota.metadata_items)) {
    throw fault('MetadataLimit', { allowed: quota.metadata_items })
  }
  if (userData && Buffer.from(userData, 'base64').length > MOST_USER_DATA) {
    throw fault('UserDataTooLarge', { most: MOST_USER_DATA })
  }
  if (files.length === 0) return
  const { injected_files: count, injected_file_path_bytes: path, injected_file_content_bytes: content } = quota
  if (isOver(files.length, count)) throw fault('TooManyInjectedFiles', {})
  if (files.some((file) => isOver(Buffer.byteLength(file.path), path))) {
    throw fault('InjectedFilePathTooLong', { allowed: path })
  }
  if (files.some((file) => isOver(Buffer.from(file.contents, 'base64').length, content))) {
    throw fault('InjectedFileTooLarge', { allowed: content })
  }
}

/** The caller's key pair of that name, as guests are told of it. */
export async function keyOf(compute: Compute, context: RequestContext, name: string): Promise<GuestKey> {
  const row = await keypairOfUser(compute, context.userId ?? '', name)
  if (!row) throw fault('KeypairInRequestNotFound', { name })
  return { name: row.name, type: row.type, data: row.public_key }
}

/** Root disks as large as their image are for those whom the policy lets have them. */
export function requireZeroDisk(call: Pick<Call, 'allows'>): void {
  if (!call.allows('servers:create:zero_disk_flavor')) throw fault('ZeroDiskFlavor', {})
}

/** As a column holds a list: null is an empty one. */
export function listed(items: readonly unknown[] | null | undefined): string | null {
  return items && items.length > 0 ? JSON.stringify(items) : null
}
