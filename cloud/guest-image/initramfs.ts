// The guest's whole root file system: our scripts, busybox, other programs with their libraries, and kernel modules.
import { access, readdir, readFile, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { constants, zstdCompressSync } from 'node:zlib'
import { run } from '@kilonova/base/command'
import { type CpioEntry, fileEntry, writeCpio } from './cpio.ts'
import { moduleEntries } from './kernel-modules.ts'

/** In the guest: what its boot script loads. */
const MODULE_LISTS = ['etc/modules', 'etc/modules-late']
/** Loaded when something mounts or asks for them. */
const MODULES_ON_DEMAND = ['vfat', 'nls_cp437', 'nls_ascii', 'nls_utf8', 'nls_iso8859_1', 'loop', '8021q']
const PROGRAMS = ['usr/sbin/dropbear', 'usr/bin/dropbearkey', 'usr/bin/dbclient', 'usr/sbin/dhcp6c']
const LINKER = 'lib64/ld-linux-x86-64.so.2'

export interface GuestSources {
  /** Where the Debian packages are unpacked. */
  root: string
  /** The guest's own files, laid out as in the guest. */
  guest: string
  /** The text of /etc/kilonova-tiny. */
  version: string
}

/** A cpio archive in zstd: smaller than gzip and, unlike xz, quickly unpacked under emulation. Level 19 would save 0.7 MB for most of the build's time. */
export async function makeInitramfs({ root, guest, version }: GuestSources): Promise<Buffer> {
  const busybox = await firstOf(root, ['bin/busybox', 'usr/bin/busybox'])
  const modules = [...MODULES_ON_DEMAND]
  for (const list of MODULE_LISTS) {
    modules.push(...(await readFile(join(guest, list), 'utf8')).split('\n').filter(Boolean))
  }
  const entries = [
    ...(await guestEntries(guest)),
    fileEntry('etc/kilonova-tiny', Buffer.from(`${version}\n`)),
    fileEntry('bin/busybox', await readFile(busybox), 0o755),
    ...(await programEntries(root)),
    ...(await moduleEntries(modules, {
      tree: await moduleTree(root),
      busybox,
    })),
  ]
  return zstdCompressSync(writeCpio(entries), { params: { [constants.ZSTD_c_compressionLevel]: 12 } })
}

/** The kernel image among the unpacked packages. */
export async function findKernel(root: string): Promise<string> {
  const name = (await readdir(join(root, 'boot'))).find((file) => file.startsWith('vmlinuz-'))
  if (!name) throw new Error(`no kernel in ${root}/boot`)
  return join(root, 'boot', name)
}

async function guestEntries(guest: string): Promise<CpioEntry[]> {
  const entries: CpioEntry[] = []
  for (const found of await readdir(guest, { recursive: true, withFileTypes: true })) {
    if (!found.isFile()) continue
    const path = join(found.parentPath, found.name)
    const content = await readFile(path)
    entries.push(fileEntry(relative(guest, path), content, content.toString('latin1', 0, 2) === '#!' ? 0o755 : 0o644))
  }
  return entries
}

async function programEntries(root: string): Promise<CpioEntry[]> {
  const linker = await firstOf(root, [LINKER, `usr/${LINKER}`])
  const directories = ['lib/x86_64-linux-gnu', 'usr/lib/x86_64-linux-gnu'].map((directory) => join(root, directory))
  const entries = new Map([[LINKER, fileEntry(LINKER, await readFile(linker), 0o755)]])
  for (const program of PROGRAMS) {
    const path = join(root, program)
    entries.set(program, fileEntry(program, await readFile(path), 0o755))
    const { stdout } = await run(linker, ['--library-path', directories.join(':'), '--list', path])
    for (const [, name, library] of stdout.matchAll(/^\s*(\S+) => (\S+)/gm)) {
      if (!library!.startsWith(root)) throw new Error(`${program} needs ${name}, which is in no unpacked package`)
      const target = `usr/lib/x86_64-linux-gnu/${name}`
      if (!name!.startsWith('/')) entries.set(target, fileEntry(target, await readFile(library!), 0o755))
    }
  }
  return [...entries.values()]
}

async function moduleTree(root: string): Promise<string> {
  const parent = await firstOf(root, ['lib/modules', 'usr/lib/modules'])
  const [release] = await readdir(parent)
  const tree = join(parent, release ?? '')
  if (!(await stat(join(tree, 'kernel'))).isDirectory()) throw new Error(`no kernel modules in ${tree}`)
  return tree
}

async function firstOf(root: string, candidates: readonly string[]): Promise<string> {
  for (const candidate of candidates) {
    const path = join(root, candidate)
    const there = await access(path).then(
      () => true,
      () => false,
    )
    if (there) return path
  }
  throw new Error(`none of ${candidates.join(', ')} is in the unpacked packages`)
}
