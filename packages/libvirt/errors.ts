// What can go wrong with a call: libvirt's own errors with their codes, and the loss of the way to it.

import { domain, uuid } from './wire-types.ts'
import type { Of } from './xdr.ts'
import { i32, optional, string, struct } from './xdr.ts'

/** libvirt's error codes (virErrorNumber) by name. */
export const errorCodes = {
  INTERNAL_ERROR: 1,
  NO_MEMORY: 2,
  NO_SUPPORT: 3,
  UNKNOWN_HOST: 4,
  NO_CONNECT: 5,
  INVALID_CONN: 6,
  INVALID_DOMAIN: 7,
  INVALID_ARG: 8,
  OPERATION_FAILED: 9,
  OS_TYPE: 16,
  CALL_FAILED: 26,
  XML_ERROR: 27,
  DOM_EXIST: 28,
  OPERATION_DENIED: 29,
  OPEN_FAILED: 30,
  READ_FAILED: 31,
  PARSE_FAILED: 32,
  CONF_SYNTAX: 33,
  WRITE_FAILED: 34,
  XML_DETAIL: 35,
  SYSTEM_ERROR: 38,
  RPC: 39,
  GNUTLS_ERROR: 40,
  NO_DOMAIN: 42,
  INVALID_MAC: 44,
  AUTH_FAILED: 45,
  INVALID_NODE_DEVICE: 52,
  NO_NODE_DEVICE: 53,
  NO_SECURITY_MODEL: 54,
  OPERATION_INVALID: 55,
  INVALID_SECRET: 65,
  NO_SECRET: 66,
  CONFIG_UNSUPPORTED: 67,
  OPERATION_TIMEOUT: 68,
  MIGRATE_PERSIST_FAILED: 69,
  HOOK_SCRIPT_FAILED: 70,
  INVALID_DOMAIN_SNAPSHOT: 71,
  NO_DOMAIN_SNAPSHOT: 72,
  INVALID_STREAM: 73,
  ARGUMENT_UNSUPPORTED: 74,
  SNAPSHOT_REVERT_RISKY: 77,
  OPERATION_ABORTED: 78,
  AUTH_CANCELLED: 79,
  NO_DOMAIN_METADATA: 80,
  MIGRATE_UNSAFE: 81,
  OVERFLOW: 82,
  BLOCK_COPY_ACTIVE: 83,
  OPERATION_UNSUPPORTED: 84,
  SSH: 85,
  AGENT_UNRESPONSIVE: 86,
  RESOURCE_BUSY: 87,
  ACCESS_DENIED: 88,
  DBUS_SERVICE: 89,
  CPU_INCOMPATIBLE: 91,
  XML_INVALID_SCHEMA: 92,
  MIGRATE_FINISH_OK: 93,
  AUTH_UNAVAILABLE: 94,
  AGENT_UNSYNCED: 97,
  DEVICE_MISSING: 99,
  INVALID_DOMAIN_CHECKPOINT: 102,
  NO_DOMAIN_CHECKPOINT: 103,
  NO_DOMAIN_BACKUP: 104,
  NO_HOSTNAME: 108,
  CHECKPOINT_INCONSISTENT: 109,
  MULTIPLE_DOMAINS: 110,
} as const

export type ErrorCode = keyof typeof errorCodes

const codeNames = new Map<number, ErrorCode>(
  Object.entries(errorCodes).map(([name, code]) => [code, name as ErrorCode]),
)

/** libvirt's remote_error, as it lies in a failed reply. */
export const remoteError = struct({
  code: i32,
  domain: i32,
  message: optional(string),
  level: i32,
  dom: optional(domain),
  str1: optional(string),
  str2: optional(string),
  str3: optional(string),
  int1: i32,
  int2: i32,
  net: optional(struct({ name: string, uuid })),
})

/**
 * Whose error it is. `libvirt`: the daemon answered with an error, see `code`. `disconnected`: the connection was lost
 * or is not there; whether the call took effect is unknown. `timeout` and `aborted`: the caller stopped waiting, the
 * daemon goes on. `protocol`: bytes that do not fit.
 */
export type LibvirtErrorKind = 'libvirt' | 'disconnected' | 'timeout' | 'aborted' | 'protocol'

export interface LibvirtErrorDetails {
  kind: LibvirtErrorKind
  /** libvirt's code; 0 for other kinds. */
  code?: number
  /** libvirt's virErrorDomain: the part of libvirt that failed (10 is QEMU, 7 is RPC …). */
  domain?: number
  /** The procedure that was called, such as `domain.getState`. */
  procedure?: string
  cause?: unknown
}

export class LibvirtError extends Error {
  readonly kind: LibvirtErrorKind
  readonly code: number
  readonly domain: number
  readonly procedure: string | undefined

  constructor(message: string, details: LibvirtErrorDetails) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.name = 'LibvirtError'
    this.kind = details.kind
    this.code = details.code ?? 0
    this.domain = details.domain ?? 0
    this.procedure = details.procedure
  }

  /** The name of `code`, such as `NO_DOMAIN`. */
  get codeName(): ErrorCode | undefined {
    return codeNames.get(this.code)
  }
}

/** True for libvirt's own errors of the named codes; without codes, for any LibvirtError. */
export function isLibvirtError(error: unknown, ...codes: ErrorCode[]): error is LibvirtError {
  if (!(error instanceof LibvirtError)) return false
  return codes.length === 0 || (error.kind === 'libvirt' && codes.some((name) => errorCodes[name] === error.code))
}

/** True where the way to the daemon was lost, so that the call's effect is unknown. */
export function isDisconnected(error: unknown): error is LibvirtError {
  return error instanceof LibvirtError && error.kind === 'disconnected'
}

/** A failed reply as an error. */
export function errorFromWire(wire: Of<typeof remoteError>, procedure: string): LibvirtError {
  const { code, domain } = wire
  const message = wire.message ?? `libvirt error ${codeNames.get(code) ?? code} without a message`
  return new LibvirtError(message, { kind: 'libvirt', code, domain, procedure })
}
