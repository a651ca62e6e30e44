// Makes a key pair of the caller's public key, or a new one.
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'
import { quotaOf } from '../quota-limits.ts'
import type { KeypairRow } from '../schema/tables.ts'
import { generateSshKey } from './generate-ssh.ts'
import type { NewKeypair } from './schema.ts'
import { sshFingerprint } from './ssh-key.ts'
import { insertKeypair } from './store.ts'
import { generateX509, x509Fingerprint } from './x509.ts'

export interface MadeKeypair {
  row: Omit<KeypairRow, 'number'>
  /** Only of a generated pair; kept nowhere. */
  privateKey: string | undefined
}

/** Throws InvalidKeypair. */
export async function newKeypair(
  compute: Compute,
  userId: string,
  { name, type = 'ssh', public_key: given }: NewKeypair,
): Promise<MadeKeypair> {
  const generated = given === undefined ? await generate(compute, type, userId) : undefined
  const public_key = given ?? generated!.publicKey
  const fingerprint = type === 'ssh' ? sshFingerprint(public_key) : x509Fingerprint(public_key)
  const row = { user_id: userId, name, type, fingerprint, public_key, created_at: compute.clock.now() }
  return { row, privateKey: generated?.privateKey }
}

/** Throws TooManyKeypairs, KeypairExists. */
export async function addKeypair(
  compute: Compute,
  { projectId }: RequestContext,
  { row, privateKey }: MadeKeypair,
): Promise<void> {
  const { key_pairs: most } = await quotaOf(compute, projectId ?? '')
  await insertKeypair(compute, row, { most, made: privateKey === undefined ? 'import' : 'create' })
}

function generate(compute: Compute, type: 'ssh' | 'x509', userId: string) {
  return type === 'ssh' ? generateSshKey() : generateX509(compute, userId)
}
