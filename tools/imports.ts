// The imports of TypeScript files, found by scanning their text, and where each leads inside the project.
import { glob, readFile } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'

export interface Import {
  specifier: string
  /** True for `import type` and `export type`: nothing of it is left when the program runs. */
  typesOnly: boolean
  line: number
}

export interface Arrow extends Import {
  from: string
  /** The imported file, relative to the root; undefined for Node's and npm's modules and doors that do not exist. */
  to: string | undefined
  /** Why the specifier leads nowhere, or should not be written so. */
  wrong?: string
}

const STATEMENT = /^[ \t]*(import|export)\s+(type\s)?(?:[^'"`;()]*?\sfrom\s+)?(['"])([^'"\n]+)\3/gm
const DYNAMIC = /\bimport\(\s*(['"])([^'"\n]+)\1/g

/** The imports that a file's text declares. A statement starts its own line, as the formatter writes it. */
export function importsOf(text: string): Import[] {
  const lineAt = (index: number) => text.slice(0, index).split('\n').length
  const found: Import[] = []
  for (const { 2: type, 4: specifier, index } of text.matchAll(STATEMENT)) {
    found.push({ specifier: specifier!, typesOnly: type !== undefined, line: lineAt(index) })
  }
  for (const { 2: specifier, index } of text.matchAll(DYNAMIC)) {
    const line = lineAt(index)
    const start = text.lastIndexOf('\n', index) + 1
    const before = text.slice(start, index)
    const quoted = before.split(/["`]/).length % 2 === 0
    if (quoted || /^\s*(\/\/|\*|\/\*)/.test(before)) continue
    found.push({ specifier: specifier!, typesOnly: false, line })
  }
  return found
}

interface Workspace {
  folder: string
  exports: Record<string, string>
}

/** Every TypeScript file of the project, relative to `root`, sorted. */
export async function sourceFiles(root: string): Promise<string[]> {
  const found = glob('{packages,services,plugins,dashboard,cloud,tests,bench,tools}/**/*.ts', {
    cwd: root,
    exclude: (name) => name === 'node_modules' || name.endsWith('/node_modules'),
  })
  return (await Array.fromAsync(found)).sort()
}

/** Every import of every file. */
export async function arrowsOf(root: string): Promise<Arrow[]> {
  const [files, workspaces] = await Promise.all([sourceFiles(root), readWorkspaces(root)])
  const texts = await Promise.all(files.map((file) => readFile(join(root, file), 'utf8')))
  return files.flatMap((from, index) =>
    importsOf(texts[index]!).map((found) => ({ ...found, from, ...resolve(from, found.specifier, workspaces) })),
  )
}

async function readWorkspaces(root: string): Promise<Map<string, Workspace>> {
  const { workspaces = [] } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
  const manifests = await Array.fromAsync(
    glob(
      workspaces.map((pattern: string) => `${pattern}/package.json`),
      { cwd: root },
    ),
  )
  const read = async (path: string): Promise<[string, Workspace]> => {
    const { name, exports = {} } = JSON.parse(await readFile(join(root, path), 'utf8'))
    return [name, { folder: dirname(path), exports }]
  }
  return new Map(await Promise.all(manifests.map(read)))
}

function resolve(from: string, specifier: string, workspaces: Map<string, Workspace>): Pick<Arrow, 'to' | 'wrong'> {
  if (specifier.startsWith('.')) {
    const to = normalize(join(dirname(from), specifier))
    const folderOf = (file: string) =>
      [...workspaces.values()].find(({ folder }) => file.startsWith(`${folder}/`))?.folder
    const border = folderOf(to) !== undefined && folderOf(to) !== folderOf(from)
    return border ? { to, wrong: 'reaches into another package by its path: use a door of it' } : { to }
  }
  const [, name, door] = /^(@[^/]+\/[^/]+|[^/]+)(\/.*)?$/.exec(specifier) ?? []
  const workspace = workspaces.get(name ?? '')
  if (!workspace) return { to: undefined }
  const target = doorTarget(workspace.exports, `.${door ?? ''}`)
  if (target === undefined)
    return { to: undefined, wrong: `is no door: see exports in ${workspace.folder}/package.json` }
  return { to: normalize(join(workspace.folder, target)) }
}

/** What `exports` says of a door; a `*` stands for the same text on both sides. */
function doorTarget(exports: Record<string, string>, door: string): string | undefined {
  if (exports[door] !== undefined) return exports[door]
  for (const [pattern, target] of Object.entries(exports)) {
    const [before, after] = pattern.split('*')
    if (after === undefined || !door.startsWith(before!) || !door.endsWith(after)) continue
    return target.replaceAll('*', door.slice(before!.length, door.length - after.length))
  }
  return undefined
}
