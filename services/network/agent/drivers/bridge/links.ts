// What network devices exist, read from /sys (in the own namespace) without starting a program.
import { readdir, readFile, readlink, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'

const SYS = '/sys/class/net'
const IFF_UP = 0x1

export interface LinkSeen {
  name: string
  kind: 'bridge' | 'tap' | 'other'
  mtu: number
  up: boolean
  mac: string
  master: string | null
  alias: string
}

/** Undefined when there is no such device. */
export async function readLink(name: string): Promise<LinkSeen | undefined> {
  const directory = join(SYS, name)
  const text = (file: string) => readFile(join(directory, file), 'utf8').then((content) => content.trim())
  const there = (file: string) =>
    stat(join(directory, file)).then(
      () => true,
      () => false,
    )
  try {
    const [mtu, flags, mac, alias, master, bridge, tap] = await Promise.all([
      text('mtu'),
      text('flags'),
      text('address'),
      text('ifalias'),
      readlink(join(directory, 'master')).catch(() => null),
      there('bridge'),
      there('tun_flags'),
    ])
    return {
      name,
      kind: bridge ? 'bridge' : tap ? 'tap' : 'other',
      mtu: Number(mtu),
      up: (Number(flags) & IFF_UP) !== 0,
      mac,
      master: master === null ? null : basename(master),
      alias,
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENODEV' || code === 'EINVAL') return undefined
    throw error
  }
}

/** The names and labels of all devices that have a label. */
export async function labelledLinks(): Promise<{ name: string; alias: string }[]> {
  const names = await readdir(SYS)
  const links = await Promise.all(
    names.map(async (name) => ({
      name,
      alias: (await readFile(join(SYS, name, 'ifalias'), 'utf8').catch(() => '')).trim(),
    })),
  )
  return links.filter(({ alias }) => alias !== '')
}
