// For tests: wired things with random ids, a host agent in a private directory, and namespaces that act as guests.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { CommandFailed, type CommandResult, run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { BridgeBackend } from './drivers/bridge/bridge-backend.ts'
import type { MetadataServer } from './drivers/bridge/bridge-host.ts'
import { guestEndName } from './drivers/bridge/names.ts'
import { NetworkAgent } from './network-agent.ts'
import type {
  PortReport,
  WantedState,
  WiredNetwork,
  WiredPort,
  WiredRouter,
  WiredSecurityGroup,
  WiredSecurityGroupRule,
  WiredSubnet,
} from './protocol.ts'

export const newId = (): string => systemRandom.uuid()

/** A locally administered MAC that no other test has. */
export function newMac(): string {
  const tail = [...systemRandom.bytes(5)].map((byte) => byte.toString(16).padStart(2, '0'))
  return ['02', ...tail].join(':')
}

export function aSubnet(cidr: string, parts: Partial<WiredSubnet> = {}): WiredSubnet {
  return {
    id: newId(),
    cidr,
    ipVersion: cidr.includes(':') ? 6 : 4,
    gatewayIp: null,
    enableDhcp: true,
    dnsNameservers: [],
    hostRoutes: [],
    ipv6AddressMode: null,
    ipv6RaMode: null,
    ...parts,
  }
}

/** A network whose DHCP server has the given addresses, one for each subnet. */
export function aNetwork(subnets: WiredSubnet[], dhcpAddresses: string[]): WiredNetwork {
  const fixedIps = dhcpAddresses.map((ipAddress, index) => ({ subnetId: subnets[index]!.id, ipAddress }))
  const dhcp = dhcpAddresses.length === 0 ? null : { portId: newId(), macAddress: newMac(), fixedIps }
  return { id: newId(), projectId: newId(), mtu: 1400, subnets, dhcp }
}

/** A bound port with one address for each of the network's subnets given. */
export function aPort(network: WiredNetwork, addresses: string[], parts: Partial<WiredPort> = {}): WiredPort {
  return {
    id: newId(),
    networkId: network.id,
    bound: true,
    deviceId: newId(),
    deviceOwner: 'compute:nova',
    macAddress: newMac(),
    fixedIps: addresses.map((ipAddress, index) => ({ subnetId: network.subnets[index]!.id, ipAddress })),
    hostname: null,
    portSecurity: true,
    allowedAddressPairs: [],
    securityGroupIds: [],
    adminStateUp: true,
    extraDhcpOpts: [],
    ...parts,
  }
}

export function aRule(parts: Partial<WiredSecurityGroupRule> = {}): WiredSecurityGroupRule {
  return {
    id: newId(),
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: null,
    portRangeMin: null,
    portRangeMax: null,
    remoteIpPrefix: null,
    remoteGroupId: null,
    ...parts,
  }
}

/** All egress, and the given rules. */
export function aGroup(
  rules: WiredSecurityGroupRule[] = [],
  parts: Partial<WiredSecurityGroup> = {},
): WiredSecurityGroup {
  const egress = (['IPv4', 'IPv6'] as const).map((ethertype) => aRule({ direction: 'egress', ethertype }))
  return { id: newId(), stateful: true, rules: [...egress, ...rules], memberAddresses: [], ...parts }
}

export function aRouter(parts: Partial<WiredRouter> = {}): WiredRouter {
  return { id: newId(), projectId: newId(), interfaces: [], gateway: null, routes: [], floatingIps: [], ...parts }
}

export const nothing: Omit<WantedState, 'generation'> = {
  networks: [],
  ports: [],
  securityGroups: [],
  routers: [],
  external: [],
}

/** An agent on this machine's real network, whose ports are veths. */
export class TestHost {
  readonly cloudTag = systemRandom.bytes(4).toString('hex')
  readonly reports: PortReport[] = []
  readonly directory: string
  agent!: NetworkAgent
  #metadataServer: MetadataServer
  #guests: Guest[] = []

  private constructor(directory: string, metadataServer: MetadataServer) {
    this.directory = directory
    this.#metadataServer = metadataServer
  }

  static async start(metadataServer: MetadataServer = (socket) => socket.end()): Promise<TestHost> {
    const host = new TestHost(await mkdtemp(join(tmpdir(), 'kn-network-')), metadataServer)
    await host.restart()
    return host
  }

  /** As after the end of the cloud's process: only the host and the directory remember. */
  async restart(): Promise<void> {
    await this.agent?.close()
    const { directory, cloudTag } = this
    const backend = new BridgeBackend({ directory, cloudTag, metadataServer: this.#metadataServer, device: 'veth' })
    this.agent = await NetworkAgent.start({ directory, backend, report: (report) => this.reports.push(report) })
  }

  async guest(port: WiredPort): Promise<Guest> {
    const guest = await Guest.make(port)
    this.#guests.push(guest)
    return guest
  }

  async end(): Promise<void> {
    for (const guest of this.#guests) await guest.end()
    await this.agent.tearDown()
    await this.agent.close()
    await rm(this.directory, { recursive: true, force: true })
  }
}

/** Seconds in which what should come comes, however slow the machine is. */
const PATIENCE = 60
/** Seconds after which what should not come is taken not to. */
export const IN_VAIN = 1

const PING = ['-c', '1', '-W', '1']
const TWICE = ['-c', '2', '-i', '0.3', '-W', String(IN_VAIN)]

async function isAnswered(ping: () => Promise<CommandResult>): Promise<boolean> {
  for (let tries = 0; tries < PATIENCE; tries++) if ((await ping()).code === 0) return true
  return false
}

/** Whether this machine itself is answered. */
export const hostPings = (address: string): Promise<boolean> =>
  isAnswered(() => run('ping', [...PING, address], { accept: [0, 1] }))

export const hostPingsInVain = async (address: string): Promise<boolean> =>
  (await run('ping', [...TWICE, address], { accept: [0, 1] })).code === 1

/** The beginning of a /24 of one half of the addresses for tests (RFC 2544), where this machine most likely has none. */
export function outsideNet(half: 18 | 19): string {
  return `198.${half}.${systemRandom.bytes(1)[0]}`
}

const UDHCPC_SCRIPT = `#!/bin/sh
[ "$1" = bound ] || exit 0
ip address add $ip/$mask dev eth0
[ -n "$mtu" ] && ip link set dev eth0 mtu $mtu
set -- $staticroutes
while [ $# -ge 2 ]; do
  [ "$2" = 0.0.0.0 ] && ip route replace $1 dev eth0 || ip route replace $1 via $2 dev eth0
  shift 2
done
echo "lease $ip mtu=$mtu dns=$dns hostname=$hostname router=$router"
`

/** A namespace that holds the far end of a port's veth as its eth0. */
export class Guest {
  readonly namespace: string
  readonly port: WiredPort
  #children = new Set<ChildProcess>()

  private constructor(port: WiredPort) {
    this.port = port
    this.namespace = `kn-test-${port.id}`
  }

  static async make(port: WiredPort): Promise<Guest> {
    const guest = new Guest(port)
    const end = guestEndName(port.id)
    await run('ip', ['netns', 'add', guest.namespace])
    await run('ip', ['netns', 'exec', guest.namespace, 'sysctl', '-q', '-w', 'net.ipv6.conf.default.accept_dad=0'])
    await run('ip', ['link', 'set', 'dev', end, 'netns', guest.namespace])
    const lines = [
      'link set dev lo up',
      `link set dev ${end} name eth0 address ${port.macAddress}`,
      'link set dev eth0 up',
    ]
    await run('ip', ['-n', guest.namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
    return guest
  }

  /** Runs a program inside; fails only when it cannot start or outlasts the limit. */
  async run(file: string, args: string[], input?: string): Promise<CommandResult> {
    const accept = Array.from({ length: 256 }, (_, code) => code)
    return run('ip', ['netns', 'exec', this.namespace, file, ...args], {
      accept,
      timeout: 120_000,
      ...(input ? { input } : {}),
    })
  }

  /** Sets addresses by hand: `10.0.0.5/24`, and `default via …` as routes. */
  async configure(cidrs: string[], routes: string[] = []): Promise<void> {
    const lines = [
      ...cidrs.map((cidr) => `address add ${cidr} dev eth0${cidr.includes(':') ? ' nodad' : ''}`),
      ...routes.map((route) => `route replace ${route}`),
    ]
    await run('ip', ['-n', this.namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` })
  }

  /** Gets a lease by DHCP, asking so often; returns what the script said, or the client's complaint. */
  async dhcp(directory: string, times = PATIENCE): Promise<string> {
    const script = join(directory, 'udhcpc.script')
    await writeFile(script, UDHCPC_SCRIPT, { mode: 0o755 })
    const args = ['udhcpc', '-i', 'eth0', '-n', '-q', '-f', '-t', String(times), '-T', '1', '-s', script]
    const options = ['mtu', 'staticroutes', 'hostname', 'dns', 'router'].flatMap((option) => ['-O', option])
    const { stdout, stderr } = await this.run('busybox', [...args, ...options])
    return stdout + stderr
  }

  /** True once a ping is answered. */
  async pings(address: string, more: string[] = []): Promise<boolean> {
    return isAnswered(() => this.run('ping', [...PING, ...more, address]))
  }

  /** True when two pings are not. */
  async pingsInVain(address: string, more: string[] = []): Promise<boolean> {
    return (await this.run('ping', [...TWICE, ...more, address])).code !== 0
  }

  /** What a web server says, or undefined when it does not in so many seconds. */
  async fetch(url: string, seconds = PATIENCE): Promise<string | undefined> {
    const args = ['netns', 'exec', this.namespace, 'busybox', 'wget', '-q', '-O', '-', url]
    try {
      return (await run('ip', args, { timeout: seconds * 1000 })).stdout
    } catch (error) {
      if (error instanceof CommandFailed) return undefined
      throw error
    }
  }

  /** Answers TCP on a port with what it is sent, until the guest ends. */
  async echo(port: number): Promise<void> {
    this.start('busybox', ['nc', '-ll', '-p', String(port), '-e', 'cat'])
    for (let tries = 0; tries < 1000; tries++) {
      const { stdout } = await this.run('busybox', ['netstat', '-ltn'])
      if (stdout.includes(`:${port} `)) return
      await systemClock.sleep(20)
    }
    throw new Error(`nothing listens on port ${port} of ${this.namespace}`)
  }

  /** True when an echo server on the address answers, within so many seconds. */
  async reaches(address: string, port: number, seconds = PATIENCE): Promise<boolean> {
    const caller = this.call(address, port)
    try {
      return await caller.echoes('hello', seconds)
    } finally {
      caller.end()
    }
  }

  /** An open connection to an echo server. */
  call(address: string, port: number): { echoes(line: string, seconds?: number): Promise<boolean>; end(): void } {
    const child = this.start('busybox', ['nc', address, String(port)])
    let heard = ''
    child.stdout!.on('data', (chunk: Buffer) => {
      heard += chunk
    })
    child.stdin!.on('error', () => undefined)
    const echoes = async (line: string, seconds = PATIENCE): Promise<boolean> => {
      child.stdin!.write(`${line}\n`)
      for (let tries = 0; tries < seconds * 20 && !heard.includes(line) && child.exitCode === null; tries++)
        await systemClock.sleep(50)
      return heard.includes(line)
    }
    return { echoes, end: () => endGroup(child) }
  }

  /** Starts a program inside that lives until the guest ends. */
  start(file: string, args: string[]): ChildProcess {
    const inside = ['netns', 'exec', this.namespace, file, ...args]
    const child = spawn('ip', inside, { stdio: ['pipe', 'pipe', 'ignore'], detached: true })
    this.#children.add(child)
    child.on('close', () => this.#children.delete(child))
    return child
  }

  async end(): Promise<void> {
    for (const child of this.#children) {
      const closed = once(child, 'close')
      endGroup(child)
      await closed
    }
    await run('ip', ['netns', 'delete', this.namespace], { accept: [0, 1] })
  }
}

/** Ends a program with what it has started itself, such as nc's programs; one that has ended already is fine. */
function endGroup(child: ChildProcess): void {
  try {
    process.kill(-child.pid!, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}
