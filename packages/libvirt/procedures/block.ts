// A domain's disks: size, figures, limits, and the long jobs that move their data.
import { proc, procedures } from '../procedure.ts'
import { domain, typedParams } from '../wire-types.ts'
import { array, bool, flags, i32, i64, nothing, optional, string, struct, u32, u64 } from '../xdr.ts'

const dom = domain

/** `path` and `disk` take the target (`vda`) or the source's path. */
export const blocks = procedures('blocks', {
  /** Bytes. */
  getInfo: proc(194, struct({ dom, path: string, flags }), struct({ allocation: u64, capacity: u64, physical: u64 })),
  stats: proc(
    64,
    struct({ dom, path: string }),
    struct({ readRequests: i64, readBytes: i64, writeRequests: i64, writeBytes: i64, errors: i64 }),
  ),
  /** With `nparams` 0 only their number is told. */
  statsFlags: proc(
    243,
    struct({ dom, path: string, nparams: i32, flags }),
    struct({ params: typedParams, nparams: i32 }),
  ),
  /** KiB, or bytes with the flag 1. */
  resize: proc(251, struct({ dom, disk: string, size: u64, flags }), nothing),
  setIoTune: proc(252, struct({ dom, disk: string, params: typedParams, flags }), nothing),
  getIoTune: proc(
    253,
    struct({ dom, disk: optional(string), nparams: i32, flags }),
    struct({ params: typedParams, nparams: i32 }),
  ),
  getErrors: proc(
    263,
    struct({ dom, maxErrors: u32, flags }),
    struct({ errors: array(struct({ disk: string, error: i32 })), count: i32 }),
  ),

  /** Bandwidths in MiB/s, or bytes/s with the job's own flag; 0 is without limit. */
  pull: proc(240, struct({ dom, path: string, bandwidth: u64, flags }), nothing),
  /** Flags: `blockRebase`. */
  rebase: proc(266, struct({ dom, path: string, base: optional(string), bandwidth: u64, flags }), nothing),
  /** Flags: `blockCommit`. */
  commit: proc(
    290,
    struct({ dom, disk: string, base: optional(string), top: optional(string), bandwidth: u64, flags }),
    nothing,
  ),
  /** `destination`: a `<disk>` element. Parameters: bandwidth, granularity, buf-size. Flags: `blockCopy`. */
  copy: proc(345, struct({ dom, path: string, destination: string, params: typedParams, flags }), nothing),
  /** Flags: `blockJobAbort`. */
  jobAbort: proc(237, struct({ dom, path: string, flags }), nothing),
  jobSetSpeed: proc(239, struct({ dom, path: string, bandwidth: u64, flags }), nothing),
  /** `found` is false when no job runs on it. */
  getJobInfo: proc(
    238,
    struct({ dom, path: string, flags }),
    struct({ found: bool, type: i32, bandwidth: u64, current: u64, end: u64 }),
  ),
})
