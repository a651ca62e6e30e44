// oslo.messaging's envelope 2.0: what is on the wire of a notification.
import type { RequestContext } from '@kilonova/base/context'
import type { Random } from '@kilonova/base/random'

export interface Message {
  publisherId: string
  eventType: string
  priority: string
  payload: unknown
}

export interface Envelope {
  'oslo.version': '2.0'
  /** JSON of the message with its id, time and context. */
  'oslo.message': string
}

export interface Sending {
  context: RequestContext
  random: Random
  /** Milliseconds since 1970. */
  now: number
}

export function envelopeOf(message: Message, { context, random, now }: Sending): Envelope {
  const body = {
    message_id: random.uuid(),
    publisher_id: message.publisherId,
    event_type: message.eventType,
    priority: message.priority,
    payload: message.payload,
    timestamp: `${new Date(now).toISOString().slice(0, 23).replace('T', ' ')}000`,
    _unique_id: random.uuid().replaceAll('-', ''),
    ...contextOnWire(context),
  }
  return { 'oslo.version': '2.0', 'oslo.message': JSON.stringify(body) }
}

/** The request's context with the names of oslo.context; tokens never leave. */
function contextOnWire(context: RequestContext): Record<string, unknown> {
  const { userId, projectId, requestId, globalRequestId } = context
  return {
    _context_user_id: userId,
    _context_user: userId,
    _context_user_name: context.userName,
    _context_user_domain: context.userDomainId,
    _context_project_id: projectId,
    _context_tenant: projectId,
    _context_project_name: context.projectName,
    _context_project_domain: context.projectDomainId,
    _context_domain: context.domainId,
    _context_system_scope: context.systemScope,
    _context_roles: context.roles,
    _context_is_admin: context.isAdmin,
    _context_read_deleted: context.readDeleted,
    _context_request_id: requestId,
    _context_global_request_id: globalRequestId,
    _context_remote_address: context.remoteAddress,
    _context_timestamp: new Date(context.timestamp).toISOString(),
  }
}
