// Fails on an import that the floor plan does not allow, and on any ring of files or folders.
import { dirname, resolve } from 'node:path'
import { FLOORS, ROOMS, type Room } from './arrows.ts'
import { type Arrow, arrowsOf } from './imports.ts'

export interface Plan {
  rooms: readonly Room[]
  floors: readonly (readonly string[])[]
}

/** Sentences about what is wrong; empty when the house stands. */
export async function checkArrows(root: string, plan: Plan): Promise<string[]> {
  const arrows = await arrowsOf(root)
  const problems = arrows.flatMap((arrow) => {
    const why = arrow.wrong ?? forbidden(arrow, plan)
    return why ? [`${arrow.from}:${arrow.line} imports ${arrow.specifier}: ${why}`] : []
  })
  const running = arrows.filter(({ typesOnly, from, to }) => to !== undefined && !typesOnly && !isTest(from))
  const files = graphOf(running.map(({ from, to }) => [from, to!]))
  const folders = graphOf(running.map(({ from, to }) => [dirname(from), dirname(to!)]).filter(apart))
  return [...new Set(problems), ...rings(files, 'files'), ...rings(folders, 'folders')]
}

function forbidden({ from, to, specifier, typesOnly }: Arrow, plan: Plan): string | undefined {
  const room = roomOf(from, plan.rooms)
  if (!room) return `${dirname(from)} stands in no room of tools/arrows.ts`
  if (to === undefined) {
    const refused = room.refuses?.find((name) => specifier === name || specifier.startsWith(`${name}/`))
    return refused && !isTest(from) ? `${room.path} may not use ${refused}` : undefined
  }
  const other = roomOf(to, plan.rooms)
  if (!other) return `${dirname(to)} stands in no room of tools/arrows.ts`
  if (other === room || room.mayImport.some((path) => holds(path, to))) return undefined
  if (typesOnly && room.mayImportTypes?.some((path) => holds(path, to))) return undefined
  if (isTest(from) && isBelow(from, to, plan.floors)) return undefined
  return `${room.path} may not import ${other.path}`
}

/** Tests may use everything of their own package or service, and every door below it. */
function isBelow(from: string, to: string, floors: Plan['floors']): boolean {
  const floorOf = (file: string) => floors.findIndex((paths) => paths.some((path) => holds(path, file)))
  const sameTop = floors.flat().some((path) => holds(path, from) && holds(path, to))
  return sameTop || floorOf(to) < floorOf(from)
}

function roomOf(file: string, rooms: readonly Room[]): Room | undefined {
  const deepest = rooms
    .filter(({ path }) => holds(path, file))
    .reduce<Room | undefined>((best, room) => (best && best.path.length >= room.path.length ? best : room), undefined)
  return deepest?.filesOnly && dirname(file) !== deepest.path ? undefined : deepest
}

/** `a/*.ts` holds the files directly in `a`; `a` holds itself and everything inside. */
function holds(path: string, file: string): boolean {
  if (path.endsWith('/*.ts')) return dirname(file) === dirname(path)
  return file === path || file.startsWith(`${path}/`)
}

function isTest(file: string): boolean {
  return file.endsWith('.test.ts') || file.startsWith('tests/') || file.startsWith('bench/')
}

/** A folder and the folders inside it are one thing as far as rings go. */
function apart([from, to]: string[]): boolean {
  return !holds(from!, to!) && !holds(to!, from!)
}

function graphOf(edges: string[][]): Map<string, Set<string>> {
  const graph = new Map<string, Set<string>>()
  for (const [from, to] of edges) graph.set(from!, (graph.get(from!) ?? new Set()).add(to!))
  return graph
}

/** A sentence for each import that closes a ring, as met on one walk through everything. */
function rings(graph: Map<string, Set<string>>, what: string): string[] {
  const found: string[] = []
  const seen = new Set<string>()
  const visit = (node: string, path: string[]): void => {
    const start = path.indexOf(node)
    if (start >= 0) found.push(`ring of ${what}: ${[...path.slice(start), node].join(' > ')}`)
    if (seen.has(node)) return
    seen.add(node)
    for (const next of graph.get(node) ?? []) visit(next, [...path, node])
  }
  for (const node of [...graph.keys()].sort()) visit(node, [])
  return found
}

if (import.meta.main) {
  const problems = await checkArrows(resolve(import.meta.dirname, '..'), { rooms: ROOMS, floors: FLOORS })
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}
