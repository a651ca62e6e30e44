// A service's compatibility mode: keys that a schema does not name are no error there, and nobody sees them.
import { compile } from './validate.ts'
import type { JsonSchema } from './versions.ts'

/** Removes from a body, in place, what its schema does not name. */
type Strip = (body: unknown) => void

/** The schema with unknown keys allowed everywhere. */
export function opened(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(opened)
  if (typeof schema !== 'object' || schema === null) return schema
  const entries = Object.entries(schema).filter(([key, value]) => !(key === 'additionalProperties' && value === false))
  return Object.fromEntries(entries.map(([key, value]) => [key, opened(value)]))
}

/** For bodies that the opened schema accepts. */
export function stripOf(schema: JsonSchema): Strip {
  const members = (schema.anyOf ?? []).map((member) => ({ refuses: compile(opened(member)), strip: stripOf(member) }))
  const fields = Object.entries(schema.properties ?? {}).map(([name, field]) => [name, stripOf(field)] as const)
  const items = schema.items && stripOf(schema.items)
  const names = schema['additionalProperties'] === false && !schema['patternProperties'] ? schema.properties : undefined
  return (body) => {
    members.find(({ refuses }) => !refuses(body))?.strip(body)
    if (Array.isArray(body)) return items && body.forEach(items)
    if (typeof body !== 'object' || body === null) return
    const record = body as Record<string, unknown>
    for (const name of Object.keys(record)) if (names && !Object.hasOwn(names, name)) delete record[name]
    for (const [name, strip] of fields) strip(record[name])
  }
}
