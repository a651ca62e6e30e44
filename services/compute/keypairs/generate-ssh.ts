// A new SSH key pair, as Nova makes them: RSA of 2048 bits.
import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'

export interface GeneratedKey {
  publicKey: string
  /** PEM; told to the caller once and kept nowhere. */
  privateKey: string
}

const BITS = 2048

export async function generateSshKey(): Promise<GeneratedKey> {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: BITS })
  const { n, e } = publicKey.export({ format: 'jwk' })
  const fields = [Buffer.from('ssh-rsa'), positive(e!), positive(n!)]
  const blob = Buffer.concat(fields.flatMap((field) => [lengthOf(field), field]))
  return {
    publicKey: `ssh-rsa ${blob.toString('base64')} Generated-by-Nova`,
    privateKey: privateKey.export({ type: 'pkcs1', format: 'pem' }).toString(),
  }
}

function lengthOf(field: Buffer): Buffer {
  const length = Buffer.alloc(4)
  length.writeUInt32BE(field.length)
  return length
}

/** An mpint: a leading zero keeps the first bit from being read as a sign. */
function positive(base64url: string): Buffer {
  const number = Buffer.from(base64url, 'base64url')
  return number[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), number]) : number
}
