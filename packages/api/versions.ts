// Microversions: fields and union members of a schema know from and up to which version they exist.

/** A microversion as one comparable number: '2.90' is 2090. */
export type Microversion = number

const FORM = /^([1-9]\d*)\.([1-9]\d*|0)$/

/** The number of a version's text, or undefined if it is malformed. */
export function parseVersion(text: string): Microversion | undefined {
  const match = FORM.exec(text)
  return match ? Number(match[1]) * 1000 + Number(match[2]) : undefined
}

/** As parseVersion, for versions written in code. */
export function version(text: string): Microversion {
  const parsed = parseVersion(text)
  if (parsed === undefined) throw new Error(`not a microversion: ${text}`)
  return parsed
}

export function versionText(value: Microversion): string {
  return `${Math.floor(value / 1000)}.${value % 1000}`
}

/** The field or union member exists from this version on. */
export const since = (text: string) => ({ 'x-since': version(text) })
/** The field or union member exists up to and including this version. */
export const until = (text: string) => ({ 'x-until': version(text) })
/** The optional field is required from this version on. */
export const requiredSince = (text: string) => ({ 'x-required-since': version(text) })
/** The optional field is required up to and including this version. */
export const requiredUntil = (text: string) => ({ 'x-required-until': version(text) })
/** The object refuses unknown keys from this version on. */
export const closedSince = (text: string) => ({ 'x-closed-since': version(text) })
/** The object refuses unknown keys. */
export const closed = { additionalProperties: false } as const

export interface JsonSchema {
  [key: string]: unknown
  properties?: Record<string, JsonSchema>
  required?: string[]
  anyOf?: JsonSchema[]
  items?: JsonSchema
}

const MARKS = ['x-since', 'x-until', 'x-required-since', 'x-required-until', 'x-closed-since']

function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null
}

/** A union exists while a member of it does. */
function exists(schema: unknown, at: Microversion): boolean {
  if (!isSchema(schema)) return true
  if (schema.anyOf?.every((member) => !exists(member, at))) return false
  return ((schema['x-since'] as number) ?? 0) <= at && at <= ((schema['x-until'] as number) ?? Infinity)
}

/** Whether a version has the field; `at` says from which on it is. */
export function existsFor(field: unknown, at: (since: string) => boolean): boolean {
  if (!isSchema(field)) return true
  const [from, to] = [field['x-since'] as number | undefined, field['x-until'] as number | undefined]
  return (from === undefined || at(versionText(from))) && (to === undefined || !at(versionText(to + 1)))
}

function isRequired(schema: JsonSchema, at: Microversion): boolean {
  const from = schema['x-required-since'] as number | undefined
  const to = schema['x-required-until'] as number | undefined
  return (from !== undefined && at >= from) || (to !== undefined && at <= to)
}

/** The schema as one version sees it: fields and union members of other versions are gone. */
export function schemaAt<T>(schema: T, at: Microversion): T {
  return seen(schema, at) as T
}

function seen(schema: unknown, at: Microversion): unknown {
  if (Array.isArray(schema)) return schema.filter((member) => exists(member, at)).map((member) => seen(member, at))
  if (!isSchema(schema)) return schema
  const out: JsonSchema = {}
  for (const [key, value] of Object.entries(schema)) {
    if (MARKS.includes(key)) continue
    out[key] = key === 'properties' ? propertiesAt(value as Record<string, JsonSchema>, at) : seen(value, at)
  }
  if (schema['x-closed-since'] !== undefined && at >= (schema['x-closed-since'] as number))
    out.additionalProperties = false
  if (schema.properties) out.required = requiredAt(schema, out.properties!, at)
  if (out.anyOf?.length === 1) return { ...out, anyOf: undefined, ...out.anyOf[0] }
  return out
}

function propertiesAt(properties: Record<string, JsonSchema>, at: Microversion): Record<string, JsonSchema> {
  const kept = Object.entries(properties).filter(([, value]) => exists(value, at))
  return Object.fromEntries(kept.map(([name, value]) => [name, seen(value, at) as JsonSchema]))
}

function requiredAt(schema: JsonSchema, left: Record<string, JsonSchema>, at: Microversion): string[] {
  const always = (schema.required ?? []).filter((name) => name in left)
  const byVersion = Object.keys(left).filter((name) => isRequired(schema.properties![name]!, at))
  return [...new Set([...always, ...byVersion])]
}

/** The versions at which any of these schemas changes, oldest first. */
export function changePoints(schemas: readonly unknown[]): Microversion[] {
  const points = new Set<Microversion>()
  const visit = (value: unknown): void => {
    if (!isSchema(value)) return
    for (const mark of ['x-since', 'x-required-since', 'x-closed-since']) {
      if (value[mark] !== undefined) points.add(value[mark] as number)
    }
    for (const mark of ['x-until', 'x-required-until']) {
      if (value[mark] !== undefined) points.add((value[mark] as number) + 1)
    }
    Object.values(value).forEach(visit)
  }
  schemas.forEach(visit)
  return [...points].sort((a, b) => a - b)
}

/** Removes from a reply, in place, what the version hides. */
export type Prune = (reply: unknown) => void

/** Undefined when the version hides nothing, so that most replies cost nothing. */
export function pruneAt(schema: unknown, at: Microversion): Prune | undefined {
  if (!isSchema(schema)) return undefined
  const steps: Prune[] = []
  for (const [name, field] of Object.entries(schema.properties ?? {})) {
    if (!exists(field, at)) steps.push((reply) => hide(reply as Record<string, unknown>, name))
    else addIfDefined(steps, inside(name, pruneAt(field, at)))
  }
  addIfDefined(steps, each(schema.items, at))
  for (const member of schema.anyOf ?? []) addIfDefined(steps, pruneAt(member, at))
  if (steps.length === 0) return undefined
  return (reply) => {
    if (typeof reply === 'object' && reply !== null) for (const step of steps) step(reply)
  }
}

/** JSON leaves out what is undefined; taking the property away would make the whole object slow to write. */
function hide(reply: Record<string, unknown>, name: string): void {
  if (name in reply) reply[name] = undefined
}

function addIfDefined(steps: Prune[], step: Prune | undefined): void {
  if (step) steps.push(step)
}

function inside(name: string, prune: Prune | undefined): Prune | undefined {
  return prune && ((reply) => prune((reply as Record<string, unknown>)[name]))
}

function each(items: unknown, at: Microversion): Prune | undefined {
  const prune = pruneAt(items, at)
  return prune && ((reply) => Array.isArray(reply) && reply.forEach(prune))
}
