// The types that many of libvirt's procedures share: domains, typed parameters, snapshots, secrets.
import type { Of, Reader, Schema, Writer } from './xdr.ts'
import { array, bool, f64, fixed, i32, i64, mapped, string, struct, u32, u64, XdrError } from './xdr.ts'

const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

/** A uuid: sixteen bytes on the wire, the hyphenated text here. */
export const uuid: Schema<string> = mapped(fixed(16), {
  read(bytes) {
    const hex = bytes.toString('hex')
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
  },
  write(text) {
    if (typeof text !== 'string' || !UUID.test(text)) throw new XdrError(`${text} is not a uuid`)
    return Buffer.from(text.replaceAll('-', ''), 'hex')
  },
})

/** A domain (a guest). `id` is -1 while it is shut off. libvirt finds it by its uuid. */
export const domain = struct({ name: string, uuid, id: i32 })
export type Domain = Of<typeof domain>

/** A domain known only by its uuid: enough for every call. */
export function domainOf(uuid: string): Domain {
  return { name: '', uuid, id: -1 }
}

export const snapshot = struct({ name: string, dom: domain })
export type Snapshot = Of<typeof snapshot>

export const secret = struct({ uuid, usageType: i32, usageId: string })
export type Secret = Of<typeof secret>

export const nodeDevice = struct({ name: string })

/** One of libvirt's typed parameters. */
export type TypedParam =
  | { field: string; type: 'int' | 'uint' | 'double'; value: number }
  | { field: string; type: 'llong' | 'ullong'; value: bigint | number }
  | { field: string; type: 'boolean'; value: boolean }
  | { field: string; type: 'string'; value: string }

// libvirt's virTypedParameterType numbers, from 1.
const kinds = ['int', 'uint', 'llong', 'ullong', 'double', 'boolean', 'string'] as const
const values: Record<(typeof kinds)[number], Schema<unknown, never>> = {
  int: i32,
  uint: u32,
  llong: i64,
  ullong: u64,
  double: f64,
  boolean: bool,
  string,
}

const typedParam: Schema<TypedParam> = {
  read(from: Reader) {
    const field = string.read(from)
    const number = from.u32()
    const type = kinds[number - 1]
    if (!type) throw new XdrError(`typed parameter ${field} has the unknown type ${number}`)
    return { field, type, value: values[type].read(from) } as TypedParam
  },
  write(to: Writer, { field, type, value }: TypedParam) {
    string.write(to, field)
    to.u32(kinds.indexOf(type) + 1)
    values[type].write(to, value as never)
  },
}

export const typedParams = array(typedParam)

/** Makers of typed parameters: `param.ullong('bandwidth', 100)`. */
export const param = {
  int: (field: string, value: number): TypedParam => ({ field, type: 'int', value }),
  uint: (field: string, value: number): TypedParam => ({ field, type: 'uint', value }),
  llong: (field: string, value: bigint | number): TypedParam => ({ field, type: 'llong', value }),
  ullong: (field: string, value: bigint | number): TypedParam => ({ field, type: 'ullong', value }),
  double: (field: string, value: number): TypedParam => ({ field, type: 'double', value }),
  boolean: (field: string, value: boolean): TypedParam => ({ field, type: 'boolean', value }),
  string: (field: string, value: string): TypedParam => ({ field, type: 'string', value }),
}

export type ParamValues = Record<string, number | boolean | string>

/** Typed parameters by name, 64-bit ones as numbers (rounded above 2^53). Of a repeated name the last counts. */
export function paramValues(params: readonly TypedParam[]): ParamValues {
  return Object.fromEntries(
    params.map(({ field, value }) => [field, typeof value === 'bigint' ? Number(value) : value]),
  )
}
