// A key pair's row as the API's newest reply.
import type { KeypairRow } from '../schema/tables.ts'
import { micros } from '../time.ts'

/** The short form of lists and of what was made. */
export function keypairView({ name, type, public_key, fingerprint }: Omit<KeypairRow, 'number'>): object {
  return { name, type, public_key, fingerprint }
}

/** The long form. */
export function shownKeypair(row: KeypairRow): object {
  return {
    ...keypairView(row),
    user_id: row.user_id,
    id: row.number ?? 0,
    created_at: micros(row.created_at),
    updated_at: null,
    deleted: false,
    deleted_at: null,
  }
}
