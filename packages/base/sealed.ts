// Texts that only who knows the secret can read: AES-256-GCM under a key that is derived from it.
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Random } from './random.ts'

export interface Seal {
  /** As hard to guess as a uuid; what is sealed is worth no more than that. */
  secret: string
  /** Keeps apart what is sealed with one secret for different uses. */
  purpose: string
}

const CIPHER = 'aes-256-gcm'
const [KEY_BYTES, IV_BYTES, TAG_BYTES] = [32, 12, 16]

const keyOf = ({ secret, purpose }: Seal): Buffer => Buffer.from(hkdfSync('sha256', secret, '', purpose, KEY_BYTES))

/** Answers base64. */
export function sealText(text: string, seal: Seal, random: Random): string {
  const iv = random.bytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, keyOf(seal), iv)
  const sealed = [cipher.update(text, 'utf8'), cipher.final()]
  return Buffer.concat([iv, cipher.getAuthTag(), ...sealed]).toString('base64')
}

/** Throws where it was sealed with another secret, for another purpose, or has been changed. */
export function unsealText(sealed: string, seal: Seal): string {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv(CIPHER, keyOf(seal), bytes.subarray(0, IV_BYTES))
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
}
