// What the parts of a plug-in are made of: asked of modules that no type checker has seen.
import type { ActivePlugin, Extension } from './plugin.ts'

type Kind = 'string' | 'function' | 'object' | 'list'

/** Of a part that is an object what it may hold; of a list what each item must. */
const SHAPES: Record<keyof Extension, { kind: 'object' | 'list'; holds: Record<string, Kind> }> = {
  serverCreate: { kind: 'object', holds: { fields: 'object', networkFields: 'object' } },
  serverView: { kind: 'object', holds: { fields: 'object' } },
  policy: { kind: 'object', holds: {} },
  routes: { kind: 'list', holds: { method: 'string', path: 'string', policy: 'string', handler: 'function' } },
  filters: { kind: 'list', holds: { name: 'string' } },
  weighers: { kind: 'list', holds: { weigher: 'object' } },
  tasks: { kind: 'list', holds: { name: 'string', steps: 'list' } },
  hooks: { kind: 'list', holds: { task: 'string', step: 'string' } },
}

/** The names of all parts. */
export const PARTS: readonly string[] = Object.keys(SHAPES)

export interface Misshapen {
  /** As `hooks` or `hooks[0].step`. */
  what: string
  kind: Kind
}

/** The first thing that is of another kind than it must be; undefined when there is none. */
export function misshapen({ name: _, ...extension }: ActivePlugin): Misshapen | undefined {
  for (const [part, value] of Object.entries(extension)) {
    if (value === undefined) continue
    const { kind, holds } = SHAPES[part as keyof Extension]
    if (kindOf(value) !== kind) return { what: part, kind }
    const found = kind === 'list' ? inItems(part, value as unknown[], holds) : inside(part, value, holds, true)
    if (found) return found
  }
  return undefined
}

function inItems(part: string, items: readonly unknown[], holds: Record<string, Kind>): Misshapen | undefined {
  for (const [index, item] of items.entries()) {
    const what = `${part}[${index}]`
    if (kindOf(item) !== 'object') return { what, kind: 'object' }
    const found = inside(what, item as object, holds, false)
    if (found) return found
  }
  return undefined
}

function inside(what: string, value: object, holds: Record<string, Kind>, optional: boolean): Misshapen | undefined {
  for (const [key, kind] of Object.entries(holds)) {
    const held = (value as Record<string, unknown>)[key]
    if (held === undefined && optional) continue
    if (kindOf(held) !== kind) return { what: `${what}.${key}`, kind }
  }
  return undefined
}

function kindOf(value: unknown): Kind | undefined {
  if (Array.isArray(value)) return 'list'
  if (typeof value === 'object') return value === null ? undefined : 'object'
  return typeof value === 'string' || typeof value === 'function' ? (typeof value as Kind) : undefined
}
