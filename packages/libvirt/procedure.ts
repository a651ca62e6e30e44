// How a procedure of libvirt is declared: its number and the shapes of its arguments and result.
import { programs } from './frame.ts'
import type { Schema } from './xdr.ts'

export interface Procedure<Args, Result> {
  /** `<table>.<name>`, for errors and logs. */
  readonly name: string
  readonly program: number
  readonly number: number
  readonly args: Schema<unknown, Args>
  readonly result: Schema<Result, never>
  /** True where libvirt promises not to wait for a guest's monitor ("high priority" in its protocol). */
  readonly quick: boolean
  /** True where a data stream follows the reply: call it with `openStream`. */
  readonly stream: boolean
}

export type ArgsOf<P> = P extends Procedure<infer Args, unknown> ? Args : never
export type ResultOf<P> = P extends Procedure<never, infer Result> ? Result : never

interface Declared<Args, Result> {
  number: number
  args: Schema<unknown, Args>
  result: Schema<Result, never>
  quick: boolean
  stream: boolean
}

/** A procedure that may wait for a guest, or for long. */
export function proc<Args, Result>(
  number: number,
  args: Schema<unknown, Args>,
  result: Schema<Result, never>,
): Declared<Args, Result> {
  return { number, args, result, quick: false, stream: false }
}

/** A procedure that answers at once, whatever the guests do. */
export function quick<Args, Result>(
  number: number,
  args: Schema<unknown, Args>,
  result: Schema<Result, never>,
): Declared<Args, Result> {
  return { number, args, result, quick: true, stream: false }
}

/** A procedure whose reply is followed by a data stream. */
export function streaming<Args, Result>(
  number: number,
  args: Schema<unknown, Args>,
  result: Schema<Result, never>,
): Declared<Args, Result> {
  return { number, args, result, quick: false, stream: true }
}

// biome-ignore lint/suspicious/noExplicitAny: each row has its own shapes
type Rows = Record<string, Declared<any, any>>
type Table<R extends Rows> = {
  readonly [K in keyof R]: R[K] extends Declared<infer Args, infer Result> ? Procedure<Args, Result> : never
}

/** A table of procedures; each gets its name from its key. */
export function procedures<R extends Rows>(table: string, rows: R, program: number = programs.remote): Table<R> {
  const named = Object.entries(rows).map(([key, row]) => [key, { ...row, name: `${table}.${key}`, program }])
  return Object.fromEntries(named) as Table<R>
}
