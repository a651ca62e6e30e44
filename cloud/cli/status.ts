// `status`: what runs, asked of the cloud itself.
import { ApiClient } from '../api-client.ts'
import type { RunningCloud } from '../running-cloud.ts'
import { findRunning, residentMemory, VERSION } from '../running-cloud.ts'
import { StateDirectory } from '../state-directory.ts'

const NOT_FOUND = 3
const MIB = 1024 ** 2

/** What the operator's endpoint says. */
interface CloudStatus {
  hosts: { host: string; state: string; status: string; servers: number }[]
  servers: Record<string, number>
  images: number
  networks: number
  tasks: { live: number; stuck: number }
  audit: { at: string; orphans: number; unchecked: number } | null
  libvirt_uri: string | null
}

export async function status({ stateDir, json }: { stateDir: string; json?: boolean }): Promise<void> {
  const state = new StateDirectory(stateDir)
  const running = await findRunning(state)
  if (!running) {
    const nothing = { running: false, version: VERSION, url: null, pids: [], roles: [], hosts: [], libvirt_uri: null }
    process.stdout.write(json ? `${JSON.stringify(nothing)}\n` : `No cloud runs with ${state.path}.\n`)
    process.exitCode = NOT_FOUND
    return
  }
  const told = await askCloud(state, running)
  const { pid, url, version, roles, driver } = running
  const report = { running: true, version, url, pids: [pid], roles, driver, ...told }
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : inWords(running, told, await residentMemory(pid)))
}

async function askCloud(state: StateDirectory, { url }: RunningCloud): Promise<CloudStatus> {
  const { admin: password } = await state.credentials()
  const client = await ApiClient.logIn(url, { name: 'admin', password, project: 'admin' })
  return client.ask<CloudStatus>({ path: '/kilonova/v1/status' })
}

function auditWords(audit: CloudStatus['audit']): string {
  if (!audit) return 'none since the start'
  const missed = audit.unchecked > 0 ? `, ${audit.unchecked} things not looked at` : ''
  const more = audit.orphans > 0 ? '; list them: ./kilonova audit' : ''
  return `${audit.orphans} orphans${missed} at ${audit.at}${more}`
}

function inWords({ pid, url, version, driver }: RunningCloud, told: CloudStatus, memory: number): string {
  const servers = Object.entries(told.servers).map(([word, count]) => `${count} ${word}`)
  const hosts = told.hosts.map(
    ({ host, state, status, servers: count }) => `  ${host}: ${state}, ${status}, ${count} servers`,
  )
  const lines = [
    `Kilonova ${version} answers on ${url} (process ${pid}, ${Math.round(memory / MIB)} MiB, driver ${driver})`,
    `servers:  ${servers.join(', ') || 'none'}`,
    `images:   ${told.images}   networks: ${told.networks}   tasks: ${told.tasks.live} in flight, ${told.tasks.stuck} stuck`,
    `audit:    ${auditWords(told.audit)}`,
    ...(told.libvirt_uri ? [`libvirt:  virsh -c '${told.libvirt_uri}'`] : []),
    'hosts:',
    ...hosts,
  ]
  return `${lines.join('\n')}\n`
}
