// The keys that seal tokens: kept in the store, replaced in time, each kept until no token of its needs it.
import { isDuplicate } from '@kilonova/store/store'
import { Remembered } from '../changes.ts'
import type { Parts } from '../parts.ts'
import type { IdentityTables, TokenKeyRow } from '../schema/tables.ts'
import type { SealingKey } from './seal.ts'

/** Every process has read a new key before the first token is sealed with it. */
const NOTICE_MS = 10_000
/** How long after their end tokens can still be asked about by services. */
export const ASKED_AFTER_END_MS = 48 * 3_600_000
const SECRET_LENGTH = 32

interface Key extends SealingKey {
  activeFrom: number
}

export interface KeyTimes {
  rotateAfterMs: number
  tokenLifeMs: number
}

export class TokenKeys {
  readonly #parts: Parts
  readonly #times: KeyTimes
  readonly #remembered: Remembered<readonly Key[] | undefined>

  constructor(parts: Parts, times: KeyTimes) {
    this.#parts = parts
    this.#times = times
    this.#remembered = new Remembered(parts.changes, 'keys', 1)
  }

  /** The key for new tokens; its successor is made when its time has come. */
  async sealing(): Promise<SealingKey> {
    const keys = await this.#keys()
    const newest = keys.at(-1)
    const now = this.#parts.clock.now()
    if (!newest) return this.#make([])
    if (now - newest.activeFrom >= this.#times.rotateAfterMs) await this.#make(keys)
    return keys.findLast((key) => key.activeFrom <= now) ?? newest
  }

  /** The secrets by key id, for opening tokens. */
  async secrets(): Promise<(id: number) => Buffer | undefined> {
    const keys = await this.#keys()
    return (id) => keys.find((key) => key.id === id)?.secret
  }

  /** Makes a new key now, as after a suspicion that the present one is known to others. */
  async rotate(): Promise<void> {
    await this.#make(await this.#keys())
  }

  async #keys(): Promise<readonly Key[]> {
    const keys = await this.#remembered.getOr('all', async () => {
      const rows = await this.#db().selectFrom('identity_token_keys').selectAll().orderBy('id').execute()
      return rows.length === 0 ? undefined : rows.map(keyOf) // that there is none yet is not remembered
    })
    return keys ?? []
  }

  /** Two processes that make the same successor end with one. */
  async #make(keys: readonly Key[]): Promise<SealingKey> {
    const now = this.#parts.clock.now()
    const id = (keys.at(-1)?.id ?? 0) + 1
    const row: TokenKeyRow = {
      id,
      secret: this.#parts.random.bytes(SECRET_LENGTH).toString('base64'),
      active_from: keys.length === 0 ? now : now + NOTICE_MS,
      expires_at: null,
    }
    try {
      await this.#parts.store.transaction(async () => {
        await this.#db().insertInto('identity_token_keys').values(row).execute()
        const expiresAt = row.active_from + this.#times.tokenLifeMs + ASKED_AFTER_END_MS
        const older = this.#db().updateTable('identity_token_keys').set({ expires_at: expiresAt })
        await older.where('id', '<', id).where('expires_at', 'is', null).execute()
        await this.#db().deleteFrom('identity_token_keys').where('expires_at', '<', now).execute()
        await this.#parts.changes.note('keys')
      })
      return keyOf(row)
    } catch (error) {
      if (!isDuplicate(error)) throw error
    }
    const found = await this.#db().selectFrom('identity_token_keys').selectAll().where('id', '=', id).execute()
    return keyOf(found[0]!)
  }

  #db() {
    return this.#parts.store.as<IdentityTables>()
  }
}

function keyOf(row: TokenKeyRow): Key {
  return { id: row.id, secret: Buffer.from(row.secret, 'base64'), activeFrom: row.active_from }
}
