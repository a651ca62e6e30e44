// One JSON line per event, each carrying the request id it belongs to.

import type { Logger } from 'pino'
import pino from 'pino'
import { currentContext } from './context.ts'

export type { Logger }

const SECRETS = ['password', 'adminPass', 'admin_pass', 'token', 'authToken', 'secret', 'private_key', 'user_data']
const REDACTED = [...SECRETS, ...SECRETS.map((key) => `*.${key}`), ...SECRETS.map((key) => `*.*.${key}`)]

let root = pino({ level: process.env['KILONOVA_LOG_LEVEL'] ?? 'silent' })
const named = new Map<string, Logger>()

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'

/** Opens the log: a file (appended, made mode 0600) or the standard error stream. Returns what flushes it. */
export function openLog(where: { file?: string; level: LogLevel }): () => void {
  const destination = pino.destination({ dest: where.file ?? 2, mkdir: true, mode: 0o600, sync: true })
  root = pino(
    { level: where.level, redact: { paths: REDACTED, censor: '***' }, base: { pid: process.pid }, mixin },
    destination,
  )
  named.clear()
  return () => destination.flushSync()
}

function mixin(): object {
  const context = currentContext()
  if (!context) return {}
  const { requestId: request_id, globalRequestId: global_request_id, projectId: project_id } = context
  return { request_id, ...(global_request_id ? { global_request_id } : {}), ...(project_id ? { project_id } : {}) }
}

/** The log of one part of the system, such as `compute.agent`. Ask for it at each use: it follows openLog. */
export function log(part: string): Logger {
  let logger = named.get(part)
  if (!logger) {
    logger = root.child({ part })
    named.set(part, logger)
  }
  return logger
}
