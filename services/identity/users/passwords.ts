// Password hashes: scrypt in PHC format, `$scrypt$ln=14,r=8,p=1$salt$hash`, so that each carries its own cost.
import { scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import type { Random } from '@kilonova/base/random'
import { fault } from '../faults.ts'

interface Cost {
  N: number
  r: number
  p: number
}

const derive = promisify<string, Buffer, number, Cost & { maxmem: number }, Buffer>(scrypt)

const FORM = /^\$scrypt\$ln=(\d+),r=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/
const BLOCK_SIZE = 8
const LENGTH = 32
/** Node hashes on four threads; one is left for files and names. */
const AT_ONCE = 3
const WAITING_AT_MOST = 200

/** Makes and checks hashes, a few at a time: a flood of logins waits in a bounded line. */
export class Passwords {
  readonly #random: Random
  readonly #cost: Cost
  readonly #nobody: string
  #running = 0
  #hashed = 0
  readonly #waiting: (() => void)[] = []

  /** `cost` is scrypt's N as a power of two. */
  constructor({ random, cost }: { random: Random; cost: number }) {
    this.#random = random
    this.#cost = { N: 2 ** cost, r: BLOCK_SIZE, p: 1 }
    this.#nobody = this.#format(random.bytes(16), random.bytes(LENGTH))
  }

  /** Hashes computed so far. */
  get hashed(): number {
    return this.#hashed
  }

  async hash(password: string): Promise<string> {
    const salt = this.#random.bytes(16)
    return this.#format(salt, await this.#derive(password, salt, this.#cost))
  }

  /** Costs the same whether or not there is a hash to compare with. */
  async verify(password: string, stored: string | null | undefined): Promise<boolean> {
    const [, ln, r, p, salt, hash] = FORM.exec(stored ?? this.#nobody) ?? FORM.exec(this.#nobody)!
    const wanted = Buffer.from(hash!, 'base64')
    const cost = { N: 2 ** Number(ln), r: Number(r), p: Number(p) }
    const got = await this.#derive(password, Buffer.from(salt!, 'base64'), cost)
    return timingSafeEqual(got, wanted) && typeof stored === 'string'
  }

  /** True for a hash of another cost than new ones get. */
  isOutdated(stored: string): boolean {
    const [, ln, r, p] = FORM.exec(stored) ?? []
    return 2 ** Number(ln) !== this.#cost.N || Number(r) !== this.#cost.r || Number(p) !== this.#cost.p
  }

  #format(salt: Buffer, hash: Buffer): string {
    const text = (bytes: Buffer): string => bytes.toString('base64').replaceAll('=', '')
    const { N, r, p } = this.#cost
    return `$scrypt$ln=${Math.log2(N)},r=${r},p=${p}$${text(salt)}$${text(hash)}`
  }

  async #derive(password: string, salt: Buffer, cost: Cost): Promise<Buffer> {
    await this.#enter()
    try {
      this.#hashed++
      return await derive(password, salt, LENGTH, { ...cost, maxmem: 256 * cost.N * cost.r })
    } finally {
      this.#leave()
    }
  }

  async #enter(): Promise<void> {
    if (this.#running < AT_ONCE) {
      this.#running++
      return
    }
    if (this.#waiting.length >= WAITING_AT_MOST) throw fault('TooBusy', {})
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** The place goes to the next in line. */
  #leave(): void {
    const next = this.#waiting.shift()
    if (next) next()
    else this.#running--
  }
}
