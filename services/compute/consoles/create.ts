// Asking for a console: the server must run and have one; the answer is a link with a token.
import type { Call } from '@kilonova/api/route'
import { isFault } from '@kilonova/base/fault'
import type { ComputeAgent, ConsoleAddress, ConsoleKind } from '../agent/protocol.ts'
import { computeTopic } from '../agent/protocol.ts'
import type { Compute } from '../compute.ts'
import { fault } from '../faults.ts'
import type { ConsoleAuthTokenRow, ServerRow } from '../schema/tables.ts'
import { getServer } from '../servers/store.ts'
import { issueToken } from './tokens.ts'

export interface AskedConsole {
  protocol: string
  type: string
}

type ConsoleType = ConsoleAuthTokenRow['console_type']

/** What of the guest is behind each type of console that there is. */
export const KIND_OF: Record<ConsoleType, ConsoleKind> = { novnc: 'vnc', serial: 'serial' }

/** The other protocols have servers that do not run here. */
const TYPE_OF: Record<string, ConsoleType> = { vnc: 'novnc', serial: 'serial' }

/** Milliseconds for a host to say where a console is. */
export const TIME_LIMIT = 10_000

/** The link, with a token that lets one connection in. */
export async function createConsole(
  compute: Compute,
  call: Pick<Call, 'context' | 'token' | 'url'>,
  id: string,
  asked: AskedConsole,
): Promise<string> {
  const row = await getServer(compute, call.context, id)
  refuseUnready(row, asked)
  const type = typeOf(compute, asked)
  const { host: address, port } = await addressOf(compute, row, type)
  const base = baseOf(compute, call, type)
  const bound = { server_id: id, user_id: call.context.userId!, host: row.host!, address, port }
  const token = await compute.store.transaction(async () => {
    await getServer(compute, call.context, id) // it may have gone meanwhile, and its tokens with it
    const link = { console_type: type, access_url_base: base, identityToken: call.token! }
    return issueToken(compute, { ...bound, ...link })
  })
  return accessUrl(base, type, token)
}

const REFUSING = ['deleting', 'migrating']

/** Why there is no console of the server now. */
function refuseUnready({ id, host, task_state: state }: ServerRow, { protocol }: AskedConsole): void {
  if (host === null) throw fault('InstanceNotReady', { id })
  if (state === null || !REFUSING.includes(state)) return
  throw fault('InstanceInvalidState', { id, action: `get_${protocol}_console`, attribute: 'task_state', state })
}

function typeOf({ options }: Compute, { protocol, type }: AskedConsole): ConsoleType {
  const offered = TYPE_OF[protocol]
  const enabled = offered === 'novnc' ? options.vnc_enabled : options.serial_console_enabled
  if (offered === undefined || !enabled) throw fault('ConsoleTypeUnavailable', { type })
  if (offered !== type) throw fault('ConsoleTypeInvalid', { type })
  return offered
}

/** Where the host hands the console out. */
async function addressOf(compute: Compute, row: ServerRow, type: ConsoleType): Promise<ConsoleAddress> {
  const { id, host, vm_state } = row
  const agent = compute.bus.remote<ComputeAgent>(computeTopic(host!))
  try {
    return await agent.consoleAddress!({ id, kind: KIND_OF[type] }, { timeout: TIME_LIMIT })
  } catch (error) {
    if (isFault(error, 'NoSuchMethod')) throw fault('FeatureNotSupported', {}, error)
    if (isFault(error, 'ConsoleUnavailable')) throw fault('ConsoleTypeUnavailable', { type }, error)
    if (isFault(error, 'GuestOff')) throw fault('InstanceNotReady', { id }, error)
    if (!isFault(error, 'GuestNotFound')) throw error
    throw fault(vm_state === 'building' ? 'InstanceNotReady' : 'InstanceNotFound', { id }, error)
  }
}

/** The configured address, or our own as the caller reached it. */
function baseOf({ options }: Compute, { url }: Pick<Call, 'url'>, type: ConsoleType): string {
  if (type === 'novnc') return options.novncproxy_base_url || `${url.origin}/console/vnc.html?path=console/vnc`
  return options.serial_console_base_url || `${url.origin.replace(/^http/, 'ws')}/console/serial`
}

/** As noVNC wants it, the token is part of the page's parameter `path`. */
function accessUrl(base: string, type: ConsoleType, token: string): string {
  if (type === 'serial') return `${base}?token=${token}`
  const [page, query] = base.split('?')
  const parameters = new URLSearchParams(query)
  parameters.set('path', `${parameters.get('path') ?? ''}?token=${token}`)
  return `${page}?${parameters}`
}
