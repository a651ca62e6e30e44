// A route as each version sees it; schemas are compiled at the first request that needs them.
import { opened, stripOf } from './legacy.ts'
import type { Route } from './route.ts'
import type { Check } from './validate.ts'
import { compile } from './validate.ts'
import type { JsonSchema, Microversion, Prune } from './versions.ts'
import { changePoints, pruneAt, schemaAt, version } from './versions.ts'

/** What one range of versions shares. */
export interface AtVersion {
  readonly body: Check | undefined
  /** Takes out of a checked body what the compatibility mode ignores. */
  readonly strip: ((body: unknown) => void) | undefined
  readonly query: Check | undefined
  /** Query parameters that may be repeated. */
  readonly repeatable: ReadonlySet<string>
  /** Query parameters of other versions: where unknown ones are let through they are unknown. */
  readonly absent: readonly string[]
  readonly prune: Prune | undefined
  readonly status: number
}

export interface Compiled {
  readonly route: Route<never>
  readonly first: Microversion
  readonly last: Microversion
  /** For the service's compatibility mode unknown keys are let through. */
  at(asked: Microversion, legacy: boolean): AtVersion
}

export function compileRoute(route: Route<never>): Compiled {
  const { body, query, reply, success } = route
  const statuses = typeof success === 'number' ? [] : Object.keys(success).map(version)
  const points = [0, ...new Set([...changePoints([body, query, reply]), ...statuses])].sort((a, b) => a - b)
  const known = new Map<string, AtVersion>()
  return {
    route,
    first: route.since ? version(route.since) : 0,
    last: route.until ? version(route.until) : Infinity,
    at(asked, legacy) {
      const start = points.findLast((point) => point <= asked)!
      const key = `${start}${legacy ? 'legacy' : ''}`
      let found = known.get(key)
      if (!found) {
        found = compileAt(route, asked, legacy)
        known.set(key, found)
      }
      return found
    },
  }
}

function compileAt({ body, query, reply, success }: Route<never>, asked: Microversion, legacy: boolean): AtVersion {
  const bodySchema = body && (schemaAt(body, asked) as JsonSchema)
  const querySchema = query && (schemaAt(query, asked) as JsonSchema)
  const parameters = querySchema?.properties ?? {}
  return {
    body: bodySchema && compile(legacy ? opened(bodySchema) : bodySchema),
    strip: legacy && bodySchema ? stripOf(bodySchema) : undefined,
    query: querySchema && compile(querySchema),
    repeatable: new Set(
      Object.entries(parameters)
        .filter(([, field]) => takesMany(field))
        .map(([name]) => name),
    ),
    absent: Object.keys((query as JsonSchema | undefined)?.properties ?? {}).filter((name) => !(name in parameters)),
    prune: pruneAt(reply, asked),
    status: typeof success === 'number' ? success : statusAt(success, asked),
  }
}

function takesMany(field: JsonSchema): boolean {
  return field['type'] === 'array' || (field.anyOf ?? []).some(takesMany)
}

function statusAt(success: Record<string, number>, asked: Microversion): number {
  const reached = Object.entries(success).filter(([from]) => version(from) <= asked)
  return reached.sort(([a], [b]) => version(a) - version(b)).at(-1)![1]
}
