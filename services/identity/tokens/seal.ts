// The token's text: a compact payload sealed with AES-256-GCM, so that only holders of the key can read or make one.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { Random } from '@kilonova/base/random'

export type Method = 'password' | 'token'
export type Scope =
  | { kind: 'unscoped' }
  | { kind: 'project'; id: string }
  | { kind: 'domain'; id: string }
  | { kind: 'system' }

export interface Payload {
  userId: string
  scope: Scope
  methods: Method[]
  /** Milliseconds since 1970, as is `expiresAt`. */
  issuedAt: number
  expiresAt: number
  /** The token's own, and that of the token it was made from. 22 characters each. */
  auditIds: string[]
  /** Of the user and the scope, at the time of issue. */
  generation: number
}

export interface SealingKey {
  id: number
  secret: Buffer
}

const FORMAT = 1
const HEADER_LENGTH = 5 // format, id of the key
const NONCE_LENGTH = 12
const TAG_LENGTH = 16
const AUDIT_LENGTH = 16
const FIXED_LENGTH = 18 // scope and methods, two times, generation, count of audit ids
const CIPHER = 'aes-256-gcm'
const KINDS = ['unscoped', 'project', 'domain', 'system'] as const
const METHODS: readonly Method[] = ['token', 'password']
const HEX = /^[0-9a-f]{32}$/

/** At most 255 characters for ids of up to 32 characters. */
export function seal(payload: Payload, key: SealingKey, random: Random): string {
  const header = Buffer.alloc(HEADER_LENGTH)
  header.writeUInt8(FORMAT)
  header.writeUInt32BE(key.id, 1)
  const nonce = random.bytes(NONCE_LENGTH)
  const cipher = createCipheriv(CIPHER, key.secret, nonce).setAAD(header)
  const sealed = Buffer.concat([cipher.update(pack(payload)), cipher.final()])
  return Buffer.concat([header, nonce, sealed, cipher.getAuthTag()]).toString('base64url')
}

/** The payload, or undefined for a text that no known key has sealed. */
export function unseal(text: string, secretOf: (keyId: number) => Buffer | undefined): Payload | undefined {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length <= HEADER_LENGTH + NONCE_LENGTH + TAG_LENGTH || bytes.toString('base64url') !== text)
    return undefined
  if (bytes.readUInt8() !== FORMAT) return undefined
  const secret = secretOf(bytes.readUInt32BE(1))
  if (!secret) return undefined
  const nonce = bytes.subarray(HEADER_LENGTH, HEADER_LENGTH + NONCE_LENGTH)
  const decipher = createDecipheriv(CIPHER, secret, nonce, { authTagLength: TAG_LENGTH })
  decipher.setAAD(bytes.subarray(0, HEADER_LENGTH)).setAuthTag(bytes.subarray(-TAG_LENGTH))
  const opened = decipher.update(bytes.subarray(HEADER_LENGTH + NONCE_LENGTH, -TAG_LENGTH))
  try {
    decipher.final()
  } catch {
    return undefined
  }
  return unpack(opened)
}

function pack({ userId, scope, methods, issuedAt, expiresAt, auditIds, generation }: Payload): Buffer {
  const head = Buffer.alloc(FIXED_LENGTH)
  head.writeUInt8(KINDS.indexOf(scope.kind) * 16 + methodBits(methods))
  head.writeUIntBE(issuedAt, 1, 6)
  head.writeUIntBE(expiresAt, 7, 6)
  head.writeUInt32BE(generation, 13)
  head.writeUInt8(auditIds.length, 17)
  const audits = auditIds.map((id) => Buffer.from(id, 'base64url'))
  const scopeId = 'id' in scope ? [packId(scope.id)] : []
  return Buffer.concat([head, ...audits, packId(userId), ...scopeId])
}

const methodBits = (methods: readonly Method[]): number =>
  METHODS.reduce((bits, method, i) => bits + (methods.includes(method) ? 2 ** i : 0), 0)

/** Sixteen bytes for 32 hexadecimal digits, after a zero; other ids after their length. */
function packId(id: string): Buffer {
  if (HEX.test(id)) return Buffer.concat([Buffer.of(0), Buffer.from(id, 'hex')])
  const bytes = Buffer.from(id)
  return Buffer.concat([Buffer.of(bytes.length), bytes])
}

function unpack(bytes: Buffer): Payload {
  const first = bytes.readUInt8()
  let at = FIXED_LENGTH
  const auditIds = Array.from({ length: bytes.readUInt8(17) }, () => {
    at += AUDIT_LENGTH
    return bytes.subarray(at - AUDIT_LENGTH, at).toString('base64url')
  })
  const id = (): string => {
    const length = bytes.readUInt8(at)
    const start = at + 1
    at = start + (length || AUDIT_LENGTH)
    return bytes.subarray(start, at).toString(length === 0 ? 'hex' : 'utf8')
  }
  const userId = id()
  const kind = KINDS[first >> 4]!
  const scope: Scope = kind === 'project' || kind === 'domain' ? { kind, id: id() } : { kind }
  const methods = METHODS.filter((_, i) => first & (2 ** i))
  const [issuedAt, expiresAt] = [bytes.readUIntBE(1, 6), bytes.readUIntBE(7, 6)]
  return { userId, scope, methods, issuedAt, expiresAt, auditIds, generation: bytes.readUInt32BE(13) }
}
