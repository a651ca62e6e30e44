// Network namespaces: made, removed, looked into.
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import type { AddressSeen, RouteWish } from './ip-batch.ts'

const DIRECTORY = '/run/netns'

export interface DeviceSeen {
  name: string
  mac: string
  mtu: number
  up: boolean
  addresses: AddressSeen[]
}

/** Its inode: another one after the namespace was removed and made again. Undefined when there is none. */
export async function namespaceInode(name: string): Promise<number | undefined> {
  try {
    return (await stat(join(DIRECTORY, name))).ino
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** A name without a namespace behind it, left by a crash, is replaced. The label goes to the loopback device. */
export async function ensureNamespace(
  name: string,
  alias: string,
  sysctls: Readonly<Record<string, string>>,
): Promise<void> {
  if ((await namespaceLabel(name)) === undefined) {
    await removeNamespace(name)
    await run('ip', ['netns', 'add', name])
  }
  await run('ip', ['-n', name, 'link', 'set', 'dev', 'lo', 'up', 'alias', alias])
  const settings = Object.entries(sysctls).map(([key, value]) => `${key}=${value}`)
  // -e: a kernel without IPv6 has none of its keys.
  await run('ip', ['netns', 'exec', name, 'sysctl', '-e', '-q', '-w', ...settings])
}

/** The label of a namespace, maybe empty; undefined when there is no such namespace. */
export async function namespaceLabel(name: string): Promise<string | undefined> {
  if ((await namespaceInode(name)) === undefined) return undefined
  const { code, stdout } = await run('ip', ['-n', name, '-json', 'link', 'show', 'dev', 'lo'], { accept: [0, 1, 255] })
  if (code !== 0) return undefined
  return (JSON.parse(stdout || '[]') as IpAddressJson[])[0]?.ifalias ?? ''
}

export async function removeNamespace(name: string): Promise<void> {
  if ((await namespaceInode(name)) === undefined) return
  const { code, stderr } = await run('ip', ['netns', 'delete', name], { accept: [0, 1] })
  if (code !== 0 && (await namespaceInode(name)) !== undefined) throw new Error(`ip netns delete ${name}: ${stderr}`)
}

/** The namespaces whose names begin so. */
export async function listNamespaces(prefix: string): Promise<string[]> {
  const names = await readdir(DIRECTORY).catch(() => [])
  return names.filter((name) => name.startsWith(prefix)).sort()
}

interface IpAddressJson {
  ifname?: string
  address?: string
  mtu?: number
  flags?: string[]
  ifalias?: string
  addr_info?: { local?: string; prefixlen?: number; scope?: string }[]
}

/** The devices inside a namespace, or in the own one, by name. */
export async function devicesIn(namespace?: string): Promise<Map<string, DeviceSeen>> {
  const where = namespace === undefined ? [] : ['-n', namespace]
  const { stdout } = await run('ip', [...where, '-json', 'address', 'show'])
  const listed = JSON.parse(stdout || '[]') as IpAddressJson[]
  return new Map(
    listed
      .filter(({ ifname }) => ifname !== undefined)
      .map((device) => [
        device.ifname!,
        {
          name: device.ifname!,
          mac: device.address ?? '',
          mtu: device.mtu ?? 0,
          up: device.flags?.includes('UP') ?? false,
          addresses: (device.addr_info ?? []).map(({ local, prefixlen, scope }) => ({
            cidr: `${local}/${prefixlen}`,
            scope: scope ?? '',
          })),
        },
      ]),
  )
}

interface IpRouteJson {
  dst?: string
  gateway?: string
  dev?: string
  protocol?: string
}

/** The routes through gateways in a namespace, both IP versions; not those that the kernel or RAs made. */
export async function routesIn(namespace: string): Promise<RouteWish[]> {
  const read = async (family: string): Promise<IpRouteJson[]> => {
    const { stdout } = await run('ip', ['-n', namespace, family, '-json', 'route', 'show'])
    return JSON.parse(stdout || '[]') as IpRouteJson[]
  }
  const routes = [...(await read('-4')), ...(await read('-6'))]
  return routes
    .filter(({ dst, gateway, protocol }) => dst && gateway && protocol !== 'ra')
    .map(({ dst, gateway, dev }) => ({ destination: dst!, via: gateway!, ...(dev ? { device: dev } : {}) }))
}
