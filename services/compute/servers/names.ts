// Names, passwords and reservation ids of new servers.
import type { Random } from '@kilonova/base/random'
import { pick } from '@kilonova/base/random'

const MOST = 63

/** A host name made of a display name: what DNS does not take is dropped. */
export function hostnameOf(displayName: string, fallback: string): string {
  const plain = displayName
    .normalize('NFKD')
    .replaceAll(/[ _]/g, '-')
    .replaceAll(/[^A-Za-z0-9.-]/g, '')
    .toLowerCase()
    .slice(0, MOST)
    .replaceAll(/^[.-]+|[.-]+$/g, '')
  return plain === '' ? `server-${fallback}` : plain
}

const PASSWORD_SYMBOLS = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'
const RESERVATION_SYMBOLS = 'abcdefghijklmnopqrstuvwxyz0123456789'

const word = (random: Random, symbols: string, length: number): string =>
  Array.from({ length }, () => pick(random, [...symbols])).join('')

export function newPassword(random: Random, length = 12): string {
  return word(random, PASSWORD_SYMBOLS, length)
}

/** `r-` and eight letters or digits. */
export function newReservationId(random: Random): string {
  return `r-${word(random, RESERVATION_SYMBOLS, 8)}`
}
