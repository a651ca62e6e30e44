// Tokens of consoles: each lets one connection in, to one console of one server where it is now. Only hashes are kept.
import { createHash } from 'node:crypto'
import type { Seal } from '@kilonova/base/sealed'
import { sealText, unsealText } from '@kilonova/base/sealed'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import type { ConsoleAuthTokenRow } from '../schema/tables.ts'

export type NewToken = Omit<ConsoleAuthTokenRow, 'token_hash' | 'sealed_token' | 'created_at' | 'expires_at'> & {
  /** The identity token that the console is asked for with: while that holds, so does the console. */
  identityToken: string
}

const hashOf = (token: string): string => createHash('sha256').update(token).digest('hex')
const sealWith = (secret: string): Seal => ({ secret, purpose: 'kilonova console identity token' })

/** Answers the token, a uuid: it is known to nobody else from then on. */
export async function issueToken(compute: Compute, { identityToken, ...bound }: NewToken): Promise<string> {
  const token = compute.random.uuid()
  const now = compute.clock.now()
  const row = {
    ...bound,
    token_hash: hashOf(token),
    sealed_token: sealText(identityToken, sealWith(token), compute.random),
    created_at: now,
    expires_at: now + compute.options.token_ttl * 1000,
  }
  const insert = () => tables(compute).insertInto('compute_console_auth_tokens').values(row).execute()
  await compute.store.transaction(insert) // shares its commit with others
  return token
}

/** The token's row while it holds. */
export function findToken(compute: Compute, token: string): Promise<ConsoleAuthTokenRow | undefined> {
  return tables(compute)
    .selectFrom('compute_console_auth_tokens')
    .selectAll()
    .where('token_hash', '=', hashOf(token))
    .where('expires_at', '>', compute.clock.now())
    .executeTakeFirst()
}

/** Uses the token up: of several that come with it, one is told true. */
export function useUp(compute: Compute, { token_hash }: ConsoleAuthTokenRow): Promise<boolean> {
  return compute.store.transaction(async () => {
    const gone = await tables(compute)
      .deleteFrom('compute_console_auth_tokens')
      .where('token_hash', '=', token_hash)
      .where('expires_at', '>', compute.clock.now())
      .returning('token_hash')
      .execute()
    return gone.length > 0
  })
}

export async function removeTokensOf(compute: Compute, serverId: string): Promise<void> {
  await tables(compute).deleteFrom('compute_console_auth_tokens').where('server_id', '=', serverId).execute()
}

export async function removeExpiredTokens(compute: Compute): Promise<void> {
  const now = compute.clock.now()
  await tables(compute).deleteFrom('compute_console_auth_tokens').where('expires_at', '<=', now).execute()
}

/** The identity token that the console was asked for with. */
export function identityTokenOf({ sealed_token }: ConsoleAuthTokenRow, token: string): string {
  return unsealText(sealed_token, sealWith(token))
}
