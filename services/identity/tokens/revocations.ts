// Tokens that were revoked one by one and have not expired yet, by audit id.
import { Remembered } from '../changes.ts'
import type { Parts } from '../parts.ts'
import type { IdentityTables } from '../schema/tables.ts'

export class Revocations {
  readonly #parts: Parts
  readonly #remembered: Remembered<ReadonlySet<string>>

  constructor(parts: Parts) {
    this.#parts = parts
    this.#remembered = new Remembered(parts.changes, 'revocations', 1)
  }

  /** The revoked audit ids as known to this process; undefined when they must be read first. */
  known(): ReadonlySet<string> | undefined {
    return this.#remembered.get('all')
  }

  read(): Promise<ReadonlySet<string>> {
    return this.#remembered.getOr('all', async () => {
      const rows = await this.#db().selectFrom('identity_revoked_tokens').select('audit_id').execute()
      return new Set(rows.map((row) => row.audit_id))
    })
  }

  /** No error if it is revoked already. Rows of tokens that have expired go at the same time. */
  async add(auditId: string, expiresAt: number): Promise<void> {
    await this.#parts.store.transaction(async () => {
      const now = this.#parts.clock.now()
      await this.#db().deleteFrom('identity_revoked_tokens').where('expires_at', '<', now).execute()
      const insert = this.#db()
        .insertInto('identity_revoked_tokens')
        .values({ audit_id: auditId, expires_at: expiresAt })
      await insert.onConflict((conflict) => conflict.doNothing()).execute()
      await this.#parts.changes.note('revocations')
    })
  }

  #db() {
    return this.#parts.store.as<IdentityTables>()
  }
}
