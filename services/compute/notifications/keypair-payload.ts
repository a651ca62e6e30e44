// KeypairPayload.
import type { KeypairRow } from '../schema/tables.ts'
import type { NovaObject } from './nova-object.ts'
import { novaObject } from './nova-object.ts'

export type ToldKeypair = Pick<KeypairRow, 'user_id' | 'name' | 'type'> & {
  fingerprint: string | null
  public_key: string | null
}

export function keypairPayload({ user_id, name, type, fingerprint, public_key }: ToldKeypair): NovaObject {
  return novaObject('KeypairPayload', '1.0', { user_id, name, type, fingerprint, public_key })
}
