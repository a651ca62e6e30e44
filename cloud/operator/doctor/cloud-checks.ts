// How the cloud does that runs on a state directory: its port, its parts, its hosts, its tasks, and what it left behind.
import { createServer } from 'node:net'
import { errorChain, isFault } from '@kilonova/base/fault'
import type { ApiClient } from '../../api-client.ts'
import { holderOf } from '../../listen.ts'
import type { RunningCloud } from '../../running-cloud.ts'
import type { StateDirectory } from '../../state-directory.ts'
import type { AuditReport } from '../audit/finding.ts'
import { operatorClient } from '../operator-client.ts'
import type { CloudStatus } from '../status.ts'
import type { Check } from './check.ts'
import { NEEDS_ROOT, ok, unknown, wrong } from './check.ts'

const DEFAULT_PORT = 8774
/** Milliseconds. */
const HEALTH_LIMIT = 5_000
const RESTART = './kilonova down; ./kilonova up --detach'

/** The port that a cloud would take. */
export async function portCheck(port = DEFAULT_PORT): Promise<Check> {
  const taken = await isTaken(port)
  if (!taken) return ok('port', `${port} is free`)
  const holder = await holderOf(port)
  return wrong('port', `${port} is taken${holder ? ` by ${holder}` : ''}`, `./kilonova up --port ${port + 1}`)
}

function isTaken(port: number): Promise<boolean> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) =>
      error.code === 'EADDRINUSE' ? resolve(true) : reject(error),
    )
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(false)))
  })
}

interface Health {
  parts: Record<string, { ok: boolean; why?: string }>
}

export async function cloudChecks(state: StateDirectory, { url, pid, version }: RunningCloud): Promise<Check[]> {
  const health = await healthOf(url)
  if (!health) {
    const mend = `${RESTART}; its log is ${state.log}`
    return [wrong('cloud', `process ${pid} runs, and ${url} does not answer`, mend)]
  }
  const parts = Object.entries(health.parts).map(([name, part]) =>
    part.ok ? ok(name, 'works') : wrong(name, part.why ?? 'does not work', `its log is ${state.log}`),
  )
  return [
    ok('cloud', `Kilonova ${version} answers on ${url} (process ${pid})`),
    ...parts,
    ...(await askedChecks(state)),
  ]
}

async function healthOf(url: string): Promise<Health | undefined> {
  try {
    return (await (await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(HEALTH_LIMIT) })).json()) as Health
  } catch {
    return undefined
  }
}

async function askedChecks(state: StateDirectory): Promise<Check[]> {
  try {
    const client = await operatorClient(state)
    const status = await client.ask<CloudStatus>({ path: '/kilonova/v1/status' })
    return [...hostChecks(status), taskCheck(status), await auditCheck(client)]
  } catch (error) {
    if (isFault(error, 'RootNeeded')) return [unknown('operations', 'hosts, tasks and leaks take root', NEEDS_ROOT)]
    return [wrong('operations', errorChain(error), `its log is ${state.log}`)]
  }
}

export function hostChecks({ hosts }: Pick<CloudStatus, 'hosts'>): Check[] {
  const down = hosts.filter(({ state }) => state === 'down')
  if (hosts.length === 0) return [wrong('hosts', 'no compute host has reported', RESTART)]
  if (down.length === 0) return [ok('hosts', `${hosts.length} up`)]
  return down.map(({ host, servers }) =>
    wrong('hosts', `${host} is down, with ${servers} servers`, `on ${host}: ./kilonova doctor`),
  )
}

export function taskCheck({ tasks }: Pick<CloudStatus, 'tasks'>): Check {
  if (tasks.stuck === 0) return ok('tasks', `${tasks.live} in flight, none stuck`)
  return wrong('tasks', `${tasks.stuck} stuck`, './kilonova tasks --stuck')
}

async function auditCheck(client: ApiClient): Promise<Check> {
  const { orphans, unchecked } = await client.ask<AuditReport>({ path: '/kilonova/v1/audit' })
  if (orphans.length + unchecked.length === 0) return ok('audit', 'nothing is left behind')
  const counts = [...Map.groupBy(orphans, ({ kind }) => kind)].map(([kind, found]) => `${found.length} ${kind}`)
  const missed = unchecked.map(({ what }) => `${what} not looked at`)
  return wrong('audit', [...counts, ...missed].join(', '), './kilonova audit')
}
