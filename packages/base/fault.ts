// Errors that a caller may see: declared once per service as a table, thrown by code with typed details.

/** One row of a service's fault table. `kind` is the service's own name for the fault (Nova's key, Neutron's type …). */
export interface FaultKind<Details> {
  status: number
  kind: string
  say: (details: Details) => string
  /** What the reader can do about it; shown by the command line and `explain`. */
  mend?: (details: Details) => string
}

// biome-ignore lint/suspicious/noExplicitAny: each row has its own details
export type FaultTable = Record<string, FaultKind<any>>

/** What crosses a process border in place of a Fault. */
export interface FaultOnWire {
  code: string
  status: number
  kind: string
  message: string
  mend?: string
  details: unknown
}

/** An expected error: it has a status, a sentence for its user, and keeps its cause for the log. */
export class Fault extends Error {
  readonly code: string
  readonly status: number
  readonly kind: string
  readonly mend: string | undefined
  readonly details: unknown

  constructor(wire: FaultOnWire, cause?: unknown) {
    super(wire.message, cause === undefined ? undefined : { cause })
    this.name = wire.code
    this.code = wire.code
    this.status = wire.status
    this.kind = wire.kind
    this.mend = wire.mend
    this.details = wire.details
  }

  toWire(): FaultOnWire {
    const { code, status, kind, message, mend, details } = this
    return { code, status, kind, message, details, ...(mend === undefined ? {} : { mend }) }
  }
}

// biome-ignore lint/suspicious/noExplicitAny: as above
type DetailsOf<Row extends FaultKind<any>> = Row['say'] extends (details: infer Details) => string
  ? unknown extends Details
    ? Record<string, never>
    : Details
  : never

/** Binds a fault table: the result makes faults whose details are checked against their code. */
export function faultsOf<Table extends FaultTable>(table: Table) {
  return <Code extends keyof Table & string>(code: Code, details: DetailsOf<Table[Code]>, cause?: unknown): Fault => {
    const row = table[code] as FaultKind<unknown>
    const mend = row.mend?.(details)
    const wire = { code, status: row.status, kind: row.kind, message: row.say(details), details }
    return new Fault(mend === undefined ? wire : { ...wire, mend }, cause)
  }
}

/** True for a fault, or for a fault of one of the named codes. */
export function isFault(error: unknown, ...codes: string[]): error is Fault {
  return error instanceof Fault && (codes.length === 0 || codes.includes(error.code))
}

/** The messages of an error and of all its causes, outermost first. */
export function errorChain(error: unknown): string {
  const parts: string[] = []
  for (let at: unknown = error; at !== undefined && at !== null && parts.length < 10; ) {
    parts.push(at instanceof Error ? at.message || at.name : String(at))
    at = at instanceof Error ? at.cause : undefined
  }
  return parts.join(': ')
}
