// The kernel modules of the guest, with the tables by which its modprobe finds them.
import { readdir, readFile, rm } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { run } from '@kilonova/base/command'
import { type CpioEntry, fileEntry } from './cpio.ts'

interface Module {
  name: string
  /** Below the release's directory, such as kernel/fs/isofs/isofs.ko. */
  path: string
  content: Buffer
  depends: string[]
  aliases: string[]
}

/**
 * Archive entries for the named modules and all they depend on. Those built into the kernel are left out; a name that
 * the kernel does not know at all throws.
 */
export async function moduleEntries(
  names: readonly string[],
  { tree, busybox }: { tree: string; busybox: string },
): Promise<CpioEntry[]> {
  const files = new Map<string, string>()
  for (const file of await readdir(tree, { recursive: true })) {
    if (/\.ko(\.xz)?$/.test(file)) files.set(moduleName(file), join(tree, file))
  }
  const builtIn = (await readFile(join(tree, 'modules.builtin'), 'utf8')).split('\n').map(moduleName)
  const modules = new Map<string, Module>()
  const add = async (name: string): Promise<void> => {
    if (modules.has(name) || builtIn.includes(name)) return
    const file = files.get(name)
    if (!file) throw new Error(`the kernel in ${tree} has no module ${name}`)
    const module = await readModule(file, { tree, busybox })
    modules.set(name, module)
    for (const needed of module.depends) await add(needed)
  }
  for (const name of names) await add(moduleName(name))

  const all = [...modules.values()]
  const directory = `lib/modules/${basename(tree)}`
  const dependencies = all.map((module) => `${module.path}: ${closure(module, modules).join(' ')}\n`)
  const aliases = all.flatMap(({ name, aliases }) => aliases.map((alias) => `alias ${alias} ${name}\n`))
  return [
    ...all.map(({ path, content }) => fileEntry(`${directory}/${path}`, content)),
    fileEntry(`${directory}/modules.dep`, Buffer.from(dependencies.join(''))),
    fileEntry(`${directory}/modules.alias`, Buffer.from(aliases.join(''))),
  ]
}

/** The kernel takes - and _ in module names as the same. */
function moduleName(file: string): string {
  return basename(file)
    .replace(/\.ko(\.xz)?$/, '')
    .replaceAll('-', '_')
}

async function readModule(file: string, { tree, busybox }: { tree: string; busybox: string }): Promise<Module> {
  const plain = file.replace(/\.xz$/, '')
  if (plain !== file) {
    await rm(plain, { force: true })
    await run(busybox, ['unxz', '-k', file])
  }
  const content = await readFile(plain)
  const facts = content.toString('latin1')
  const values = (key: string) =>
    [...facts.matchAll(new RegExp(`\\0${key}=([^\\0]*)(?=\\0)`, 'g'))].map((match) => match[1]!)
  const depends = (values('depends')[0] ?? '').split(',').filter(Boolean)
  return {
    name: moduleName(file),
    path: relative(tree, plain),
    content,
    depends: depends.map(moduleName),
    aliases: values('alias'),
  }
}

/** Paths of all that a module needs, the first to load last, as modprobe expects. */
function closure(module: Module, modules: ReadonlyMap<string, Module>): string[] {
  const order: string[] = []
  const visit = (one: Module): void => {
    for (const name of one.depends) {
      const needed = modules.get(name)
      if (!needed || order.includes(needed.path)) continue
      visit(needed)
      order.push(needed.path)
    }
  }
  visit(module)
  return order.reverse()
}
