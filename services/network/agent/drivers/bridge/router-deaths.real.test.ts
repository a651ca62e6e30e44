// Routers and floating addresses on the real host, made and changed by agents that die before each of their deeds.
import { readdir } from 'node:fs/promises'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { deathsContract } from '../../deaths-contract.ts'
import type { NetworkAgent } from '../../network-agent.ts'
import { BridgeBackend } from './bridge-backend.ts'
import { tableName } from './names.ts'

const cloudTag = systemRandom.bytes(4).toString('hex')
const anyCode = { accept: [0, 1, 2, 255] }

interface Device {
  ifname: string
  address?: string
  master?: string
  mtu: number
  flags: string[]
  addr_info?: { local: string; prefixlen: number; scope: string }[]
}

/** A device as one line, without numbers that the kernel counts. */
const line = ({ ifname, address, master, mtu, flags, addr_info = [] }: Device): string => {
  const addresses = addr_info
    .filter(({ scope }) => scope !== 'link')
    .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  // The kernel chooses the address of a bridge and of an end that has none of ours.
  const mac = ifname.startsWith('q') ? address : ''
  // Whether it is set up: what comes of that the kernel finds out by and by.
  const state = flags.includes('UP') ? 'up' : 'down'
  return [ifname, mac, master, mtu, state, ...addresses.sort()].join(' ')
}

/** Those of these names, or all. */
async function devices(namespace?: string, names?: ReadonlySet<string>): Promise<string[]> {
  const where = namespace === undefined ? [] : ['-n', namespace]
  const { stdout } = await run('ip', [...where, '-json', 'address', 'show'], anyCode)
  const listed = JSON.parse(stdout || '[]') as Device[]
  const wanted = listed.filter(({ ifname }) => names?.has(ifname) ?? true)
  return wanted.map(line).sort()
}

async function inside(namespace: string): Promise<unknown[]> {
  const enter = ['netns', 'exec', namespace]
  const routes = await run('ip', ['-n', namespace, 'route', 'show'], anyCode)
  const rules = await run('ip', [...enter, 'nft', 'list', 'ruleset'], anyCode)
  const settings = await run('ip', [...enter, 'sysctl', '-n', 'net.ipv4.ip_forward', 'net.ipv6.conf.all.forwarding'])
  return [namespace, await devices(namespace), routes.stdout, rules.stdout, settings.stdout]
}

deathsContract('bridges', {
  make: (directory) => new BridgeBackend({ directory, cloudTag, metadataServer: (socket) => socket.end() }),
  async look(agent: NetworkAgent) {
    const things = await agent.inventory()
    const owned = new Set(things.filter(({ kind }) => kind === 'namespace').map(({ id }) => id))
    const namespaces = (await readdir('/run/netns').catch(() => [])).filter((name) => owned.has(name)).sort()
    const { stdout } = await run('nft', ['-s', 'list', 'table', 'inet', tableName(cloudTag)], anyCode)
    return {
      things: things.map(({ kind, id, owner }) => `${kind} ${id} ${owner}`).sort(),
      devices: await devices(undefined, new Set(things.map(({ id }) => id))),
      filters: stdout
        .replace(/\}\s*$/, '')
        .split('\n\n')
        .map((part) => part.trim())
        .toSorted(),
      namespaces: await Promise.all(namespaces.map(inside)),
    }
  },
  reads:
    /^(a message|open .* r|nft -j .*|ip (-n \S+ )?(-[46] )?-json .*|ip netns exec \S+ conntrack -L .*|conntrack -L .*)$/,
})
