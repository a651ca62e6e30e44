// XDR (RFC 4506) as combinators: a schema reads and writes one type, and the TypeScript type follows from it.

/** Bytes that do not fit their schema, in either direction. */
export class XdrError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'XdrError'
  }
}

/** How one type lies on the wire. `In` is what a writer may give where that is more than `Out` (defaults, numbers). */
export interface Schema<Out, In = Out> {
  read(from: Reader): Out
  write(to: Writer, value: In): void
}

// biome-ignore lint/suspicious/noExplicitAny: any schema, whatever it holds
type AnySchema = Schema<any, any>

/** The type that a schema reads. */
export type Of<S> = S extends { read(from: Reader): infer Out } ? Out : never
/** The type that a schema writes. */
export type InputOf<S> = S extends { write(to: Writer, value: infer In): void } ? In : never

/** A growing buffer; `head` bytes are left free in front for a frame's header. */
export class Writer {
  #buffer: Buffer
  #at: number

  constructor(head = 0) {
    this.#buffer = Buffer.allocUnsafe(256 + head)
    this.#at = head
  }

  /** Room for `size` more bytes: the buffer and where to write them. */
  reserve(size: number): { buffer: Buffer; at: number } {
    const at = this.#at
    if (at + size > this.#buffer.length) {
      const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, at + size))
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    this.#at = at + size
    return { buffer: this.#buffer, at }
  }

  u32(value: number): void {
    const { buffer, at } = this.reserve(4)
    buffer.writeUInt32BE(value, at)
  }

  /** Bytes, filled up with zeros to a multiple of four. */
  padded(bytes: Uint8Array): void {
    const size = (bytes.length + 3) & ~3
    const { buffer, at } = this.reserve(size)
    buffer.set(bytes, at)
    buffer.fill(0, at + bytes.length, at + size)
  }

  done(): Buffer {
    return this.#buffer.subarray(0, this.#at)
  }
}

/** A place in a buffer. Reading past its end throws XdrError. */
export class Reader {
  readonly #buffer: Buffer
  #at = 0

  constructor(buffer: Buffer) {
    this.#buffer = buffer
  }

  get left(): number {
    return this.#buffer.length - this.#at
  }

  /** Passes over `size` bytes: the buffer and where they lie. */
  take(size: number): { buffer: Buffer; at: number } {
    if (size > this.left) throw new XdrError(`needs ${size} bytes, has ${this.left}`)
    const at = this.#at
    this.#at = at + size
    return { buffer: this.#buffer, at }
  }

  u32(): number {
    const { buffer, at } = this.take(4)
    return buffer.readUInt32BE(at)
  }

  /** A view of `size` bytes; their filling is passed over. */
  padded(size: number): Buffer {
    const { buffer, at } = this.take(Math.ceil(size / 4) * 4) // sizes above 2^31 must not turn negative
    return buffer.subarray(at, at + size)
  }
}

/** Writes one value as bytes. */
export function encode<In>(schema: Schema<unknown, In>, value: In): Buffer {
  const to = new Writer()
  schema.write(to, value)
  return to.done()
}

/** Reads one value; bytes left over are an error, since they mean that the shape is wrong. */
export function decode<Out>(schema: Schema<Out, never>, bytes: Buffer): Out {
  const from = new Reader(bytes)
  const value = schema.read(from)
  if (from.left > 0) throw new XdrError(`${from.left} bytes left over`)
  return value
}

/** Nothing at all: procedures without arguments or result. */
export const nothing: Schema<void> = { read: () => undefined, write: () => undefined }

export const u32: Schema<number> = {
  read: (from) => from.u32(),
  write: (to, value) => to.u32(integer(value, 0, 0xffffffff)),
}

/** Flags: an unsigned word that may be left out. */
export const flags: Schema<number, number | undefined> = {
  read: (from) => from.u32(),
  write: (to, value = 0) => to.u32(value >>> 0),
}

/** A word that is always the same, so that nobody need give it. */
export function always(value: number): Schema<number, undefined> {
  return { read: (from) => from.u32(), write: (to) => to.u32(value) }
}

export const i32: Schema<number> = {
  read: (from) => from.u32() | 0,
  write: (to, value) => to.u32(integer(value, -0x80000000, 0x7fffffff) >>> 0),
}

export const u64: Schema<bigint, bigint | number> = {
  read(from) {
    const { buffer, at } = from.take(8)
    return buffer.readBigUInt64BE(at)
  },
  write(to, value) {
    const big = whole(value, 0n, 0xffff_ffff_ffff_ffffn)
    const { buffer, at } = to.reserve(8)
    buffer.writeBigUInt64BE(big, at)
  },
}

export const i64: Schema<bigint, bigint | number> = {
  read(from) {
    const { buffer, at } = from.take(8)
    return buffer.readBigInt64BE(at)
  },
  write(to, value) {
    const big = whole(value, -0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn)
    const { buffer, at } = to.reserve(8)
    buffer.writeBigInt64BE(big, at)
  },
}

export const f64: Schema<number> = {
  read(from) {
    const { buffer, at } = from.take(8)
    return buffer.readDoubleBE(at)
  },
  write(to, value) {
    const { buffer, at } = to.reserve(8)
    buffer.writeDoubleBE(value, at)
  },
}

export const bool: Schema<boolean> = {
  read: (from) => from.u32() !== 0,
  write: (to, value) => to.u32(value ? 1 : 0),
}

/** libvirt refuses longer ones. */
const LONGEST = 4 * 1024 * 1024

export const string: Schema<string> = {
  read(from) {
    const { buffer, at } = { buffer: from.padded(from.u32()), at: 0 }
    return buffer.toString('utf8', at)
  },
  write(to, value) {
    if (typeof value !== 'string') throw new XdrError(`${typeof value} is not a string`)
    const bytes = Buffer.from(value, 'utf8')
    if (bytes.length > LONGEST) throw new XdrError(`a string of ${bytes.length} bytes is longer than libvirt takes`)
    to.u32(bytes.length)
    to.padded(bytes)
  },
}

/** Bytes of any length. */
export const opaque: Schema<Buffer, Uint8Array> = {
  read: (from) => Buffer.from(from.padded(from.u32())), // a copy, so that the whole network chunk is not kept
  write(to, value) {
    to.u32(value.length)
    to.padded(value)
  },
}

/** Exactly `size` bytes. */
export function fixed(size: number): Schema<Buffer, Uint8Array> {
  return {
    read: (from) => Buffer.from(from.padded(size)),
    write(to, value) {
      if (value.length !== size) throw new XdrError(`${value.length} bytes in place of ${size}`)
      to.padded(value)
    },
  }
}

/** A C `char[size]`, each character a whole word on the wire, ended by a zero. */
export function chars(size: number): Schema<string> {
  return {
    read(from) {
      const codes = Array.from({ length: size }, () => from.u32() & 0xff)
      const end = codes.indexOf(0)
      return Buffer.from(end < 0 ? codes : codes.slice(0, end)).toString('utf8')
    },
    write(to, value) {
      const bytes = Buffer.from(value, 'utf8')
      if (bytes.length >= size) throw new XdrError(`${bytes.length} bytes do not fit in ${size - 1}`)
      for (let i = 0; i < size; i++) to.u32(bytes[i] ?? 0)
    },
  }
}

/** A value that may be null on the wire; a writer may leave it out. */
export function optional<Out, In>(schema: Schema<Out, In>): Schema<Out | null, In | null | undefined> {
  return {
    read: (from) => (from.u32() === 0 ? null : schema.read(from)),
    write(to, value) {
      to.u32(value === null || value === undefined ? 0 : 1)
      if (value !== null && value !== undefined) schema.write(to, value)
    },
  }
}

export function array<Out, In>(schema: Schema<Out, In>): Schema<Out[], readonly In[]> {
  return {
    read(from) {
      const count = from.u32()
      if (count * 4 > from.left) throw new XdrError(`${count} elements cannot lie in ${from.left} bytes`)
      return Array.from({ length: count }, () => schema.read(from))
    },
    write(to, value) {
      to.u32(value.length)
      for (const element of value) schema.write(to, element)
    },
  }
}

type Fields = Record<string, AnySchema>
type StructOut<F extends Fields> = { -readonly [K in keyof F]: Of<F[K]> }
type Needed<F extends Fields> = { [K in keyof F]: undefined extends InputOf<F[K]> ? never : K }[keyof F]
type StructIn<F extends Fields> = { [K in Needed<F>]: InputOf<F[K]> } & {
  [K in Exclude<keyof F, Needed<F>>]?: InputOf<F[K]>
}

/** Fields in the order in which they are written down. Errors name the field. */
export function struct<F extends Fields>(fields: F): Schema<StructOut<F>, StructIn<F>> {
  const entries = Object.entries(fields)
  return {
    read(from) {
      const out: Record<string, unknown> = {}
      for (const [name, schema] of entries) out[name] = within(name, () => schema.read(from))
      return out as StructOut<F>
    },
    write(to, value) {
      const given = value as Record<string, unknown>
      for (const [name, schema] of entries) within(name, () => schema.write(to, given[name]))
    },
  }
}

/** A schema seen through two functions: another type in TypeScript, the same bytes. */
export function mapped<Wire, WireIn, Out, In = Out>(
  schema: Schema<Wire, WireIn>,
  map: { read: (wire: Wire) => Out; write: (value: In) => WireIn },
): Schema<Out, In> {
  return {
    read: (from) => map.read(schema.read(from)),
    write: (to, value) => schema.write(to, map.write(value)),
  }
}

function within<T>(name: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof XdrError) error.message = `${name}: ${error.message}`
    throw error
  }
}

function integer(value: number, low: number, high: number): number {
  if (!Number.isInteger(value) || value < low || value > high) throw new XdrError(`${value} is not in ${low}…${high}`)
  return value
}

function whole(value: bigint | number, low: bigint, high: bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new XdrError(`${value} is not a safe integer`)
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new XdrError(`${typeof value} is not an integer`)
  const big = BigInt(value)
  if (big < low || big > high) throw new XdrError(`${value} is not in ${low}…${high}`)
  return big
}
