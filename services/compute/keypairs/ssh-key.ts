// SSH public keys in one line, `type base64 comment` (RFC 4253 section 6.6, RFC 5656, RFC 8709).
import { createHash, createPublicKey } from 'node:crypto'
import { fault } from '../faults.ts'

/** Colon-separated MD5 of the key. Throws InvalidKeypair when the text is no public key. */
export function sshFingerprint(text: string): string {
  return createHash('md5')
    .update(keyBlob(text))
    .digest('hex')
    .replaceAll(/..(?!$)/g, '$&:')
}

function keyBlob(text: string): Buffer {
  const [, type, base64] = /^([a-z0-9@.-]+)[ \t]+([A-Za-z0-9+/]+={0,2})(?:[ \t]+[^\r\n]*)?$/.exec(text.trim()) ?? []
  if (type === undefined || base64 === undefined) throw invalid('it is not one line of type, key and comment')
  const blob = Buffer.from(base64, 'base64')
  if (blob.toString('base64') !== base64) throw invalid('the key is not base64')
  const fields = fieldsOf(blob)
  if (fields[0]?.toString('latin1') !== type) throw invalid(`the key is not of type ${type}`)
  const check = CHECKS[type]
  if (!check) throw invalid(`keys of type ${type} are not supported`)
  if (!check(fields.slice(1))) throw invalid('the key is damaged')
  return blob
}

function invalid(why: string, cause?: unknown) {
  return fault('InvalidKeypair', { why: `failed to generate fingerprint: ${why}` }, cause)
}

/** The length-prefixed strings that the key is made of. */
function fieldsOf(blob: Buffer): Buffer[] {
  const fields: Buffer[] = []
  for (let at = 0; at < blob.length; ) {
    const end = at + 4 <= blob.length ? at + 4 + blob.readUInt32BE(at) : Infinity
    if (end > blob.length) throw invalid('the key is cut short')
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}

type Check = (fields: Buffer[]) => boolean

const isNumber = (field: Buffer | undefined): boolean => field !== undefined && field.length > 0 && field[0]! < 0x80
const rsa: Check = (fields) => fields.length === 2 && fields.every(isNumber) && fields[1]!.length >= 128
const dsa: Check = (fields) => fields.length === 4 && fields.every(isNumber)
const ed25519: Check = (fields) => fields.length === 1 && fields[0]!.length === 32
const onToken =
  (check: Check): Check =>
  (fields) =>
    check(fields.slice(0, -1)) && fields.at(-1)!.length > 0

function ecdsa(name: string, curve: string, size: number): Check {
  return ([curveName, point, ...rest]) => {
    if (curveName?.toString('latin1') !== name || rest.length > 0) return false
    if (point?.length !== 1 + 2 * size || point[0] !== 4) return false
    const x = point.subarray(1, 1 + size).toString('base64url')
    const y = point.subarray(1 + size).toString('base64url')
    return isOnCurve({ kty: 'EC', crv: curve, x, y })
  }
}

function isOnCurve(key: { kty: string; crv: string; x: string; y: string }): boolean {
  try {
    createPublicKey({ key, format: 'jwk' })
    return true
  } catch {
    return false
  }
}

const p256 = ecdsa('nistp256', 'P-256', 32)
const CHECKS: Record<string, Check> = {
  'ssh-rsa': rsa,
  'ssh-dss': dsa,
  'ssh-ed25519': ed25519,
  'ecdsa-sha2-nistp256': p256,
  'ecdsa-sha2-nistp384': ecdsa('nistp384', 'P-384', 48),
  'ecdsa-sha2-nistp521': ecdsa('nistp521', 'P-521', 66),
  'sk-ssh-ed25519@openssh.com': onToken(ed25519),
  'sk-ecdsa-sha2-nistp256@openssh.com': onToken(p256),
}
