// X.509 certificates for logging in to Windows guests.
import { createHash, generateKeyPair, sign, X509Certificate } from 'node:crypto'
import { promisify } from 'node:util'
import type { Clock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import { fault } from '../faults.ts'
import type { GeneratedKey } from './generate-ssh.ts'

/** Colon-separated SHA-1 of the certificate. Throws InvalidKeypair when the text is none. */
export function x509Fingerprint(text: string): string {
  return createHash('sha1')
    .update(certificateOf(text).raw)
    .digest('hex')
    .replaceAll(/..(?!$)/g, '$&:')
}

function certificateOf(text: string): X509Certificate {
  try {
    return new X509Certificate(text)
  } catch (error) {
    const why = 'failed to generate X509 fingerprint: it is not a PEM certificate'
    throw fault('InvalidKeypair', { why }, error)
  }
}

const BITS = 2048
const DAYS = 3650

/** A self-signed certificate with which the user logs in through WinRM: valid for ten years, naming `user@localhost`. */
export async function generateX509(
  { clock, random }: { clock: Clock; random: Random },
  userId: string,
): Promise<GeneratedKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: BITS })
  const subject = sequence(set(sequence(oid(COMMON_NAME), utf8(userId))))
  const now = clock.now()
  const body = sequence(
    tagged(0xa0, integer(Buffer.of(2))),
    integer(Buffer.concat([Buffer.of(1), random.bytes(15)])),
    SHA256_WITH_RSA,
    subject,
    sequence(time(now), time(now + DAYS * 86_400_000)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(keyUsage(), principalName(`${userId}@localhost`))),
  )
  const signature = sign('sha256', body, privateKey)
  const certificate = sequence(body, SHA256_WITH_RSA, tagged(0x03, Buffer.of(0), signature))
  return {
    publicKey: new X509Certificate(certificate).toString(),
    privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  }
}

/** DER: a tag, the length and the contents. */
function tagged(tag: number, ...contents: Buffer[]): Buffer {
  const content = Buffer.concat(contents)
  const size = content.length.toString(16)
  const bytes = Buffer.from(size.length % 2 ? `0${size}` : size, 'hex')
  const length = content.length < 0x80 ? bytes : Buffer.concat([Buffer.of(0x80 | bytes.length), bytes])
  return Buffer.concat([Buffer.of(tag), length, content])
}

function sequence(...items: Buffer[]): Buffer {
  return tagged(0x30, ...items)
}
function set(...items: Buffer[]): Buffer {
  return tagged(0x31, ...items)
}
/** Of a number whose first bit is clear. */
function integer(number: Buffer): Buffer {
  return tagged(0x02, number)
}
function utf8(text: string): Buffer {
  return tagged(0x0c, Buffer.from(text))
}
function oid(hex: string): Buffer {
  return tagged(0x06, Buffer.from(hex, 'hex'))
}
/** UTCTime up to 2049, GeneralizedTime after it (RFC 5280 section 4.1.2.5). */
function time(at: number): Buffer {
  const digits = new Date(at).toISOString().replaceAll(/\D/g, '').slice(0, 14)
  return digits < '2050' ? tagged(0x17, Buffer.from(`${digits.slice(2)}Z`)) : tagged(0x18, Buffer.from(`${digits}Z`))
}

const COMMON_NAME = '550403'
const SHA256_WITH_RSA = sequence(oid('2a864886f70d01010b'), tagged(0x05))
const EXTENDED_KEY_USAGE = '551d25'
const CLIENT_AUTH = '2b06010505070302'
const SUBJECT_ALT_NAME = '551d11'
const USER_PRINCIPAL_NAME = '2b060104018237140203'

function keyUsage(): Buffer {
  return sequence(oid(EXTENDED_KEY_USAGE), tagged(0x04, sequence(oid(CLIENT_AUTH))))
}

function principalName(name: string): Buffer {
  const otherName = tagged(0xa0, oid(USER_PRINCIPAL_NAME), tagged(0xa0, utf8(name)))
  return sequence(oid(SUBJECT_ALT_NAME), tagged(0x04, sequence(otherName)))
}
