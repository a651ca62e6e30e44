// Whether this host can carry networks, and what to do where it cannot.
import { access, constants, readFile } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import { run } from '@kilonova/base/command'
import type { DoctorCheck } from '../../backend.ts'
import { tableName } from './names.ts'

const TOOLS: [tool: string, debianPackage: string][] = [
  ['ip', 'iproute2'],
  ['nft', 'nftables'],
  ['dnsmasq', 'dnsmasq-base'],
  ['conntrack', 'conntrack'],
  ['sysctl', 'procps'],
]

export async function doctorChecks(cloudTag: string): Promise<DoctorCheck[]> {
  return [
    rootCheck(),
    ...(await Promise.all(TOOLS.map(([tool, debianPackage]) => toolCheck(tool, debianPackage)))),
    await tapCheck(),
    await bridgeFilterCheck(),
    await forwardCheck(),
    await foreignDropCheck(cloudTag),
  ]
}

const check = (name: string, ok: boolean, what: string, mend: string): DoctorCheck => ({
  name,
  ok,
  what,
  mend: ok ? '' : mend,
})

function rootCheck(): DoctorCheck {
  const user = process.getuid?.()
  const mend = 'Start kilonova as root: network devices, namespaces and filters need it.'
  return check('root', user === 0, `runs as user ${user}`, mend)
}

async function toolCheck(tool: string, debianPackage: string): Promise<DoctorCheck> {
  for (const directory of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(directory, tool)
    const found = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return check(tool, true, path, '')
  }
  return check(tool, false, `${tool} is not in PATH`, `Install it: apt install ${debianPackage}`)
}

async function tapCheck(): Promise<DoctorCheck> {
  const ok = await access('/dev/net/tun', constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
  return check('tun', ok, ok ? '/dev/net/tun' : '/dev/net/tun cannot be opened', 'Load the module: modprobe tun')
}

/** Bridged packets have to pass the inet tables for security groups. */
async function bridgeFilterCheck(): Promise<DoctorCheck> {
  const value = await readFile('/proc/sys/net/bridge/bridge-nf-call-iptables', 'utf8').catch(() => undefined)
  const what = value === undefined ? 'br_netfilter is not loaded' : `bridge-nf-call-iptables is ${value.trim()}`
  const mend = 'Load it and switch it on: modprobe br_netfilter; sysctl -w net.bridge.bridge-nf-call-iptables=1'
  return check('br_netfilter', value?.trim() === '1', what, mend)
}

/** The agent switches it on by itself once there is an external network. */
async function forwardCheck(): Promise<DoctorCheck> {
  const value = await readFile('/proc/sys/net/ipv4/ip_forward', 'utf8').catch(() => undefined)
  const mend = 'This kernel cannot route IPv4: external networks will not reach the outside.'
  return check('ip_forward', value !== undefined, `ip_forward is ${value?.trim() ?? 'missing'}`, mend)
}

/** Another program's forward chain that drops by default also drops what passes between guests. */
async function foreignDropCheck(cloudTag: string): Promise<DoctorCheck> {
  const name = 'foreign_forward_drop'
  const mend =
    'Let the guests pass there, for example with Docker: iptables -I DOCKER-USER -i brq+ -j ACCEPT; iptables -I DOCKER-USER -i kng+ -j ACCEPT; iptables -I DOCKER-USER -o kng+ -j ACCEPT'
  try {
    const { stdout } = await run('nft', ['-j', 'list', 'chains'])
    const { nftables } = JSON.parse(stdout || '{"nftables":[]}') as {
      nftables: { chain?: { family: string; table: string; name: string; hook?: string; policy?: string } }[]
    }
    const dropping = nftables
      .map(({ chain }) => chain)
      .filter((chain) => chain?.hook === 'forward' && chain.policy === 'drop' && chain.table !== tableName(cloudTag))
      .map((chain) => `${chain!.family} ${chain!.table} ${chain!.name}`)
    const what = dropping.length === 0 ? 'no other forward chain drops' : `drops by default: ${dropping.join(', ')}`
    return check(name, dropping.length === 0, what, mend)
  } catch (error) {
    return check(name, false, error instanceof Error ? error.message : String(error), 'Make nft work first.')
  }
}
