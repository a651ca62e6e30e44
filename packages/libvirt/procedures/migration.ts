// Moving a running domain to another host, and the job that any long operation on a domain is.
import { proc, procedures } from '../procedure.ts'
import { domain, typedParams } from '../wire-types.ts'
import { flags, i32, nothing, opaque, optional, string, struct, u64 } from '../xdr.ts'

const dom = domain

export const migration = procedures('migration', {
  /** Peer to peer: this host's daemon speaks to that at `destination`. Flags: `migrate`; parameters: `migrateParams`. */
  perform: proc(
    305,
    struct({ dom, destination: optional(string), params: typedParams, cookie: opaque, flags }),
    opaque,
  ),
  /** Milliseconds. */
  setMaxDowntime: proc(166, struct({ dom, downtime: u64, flags }), nothing),
  getMaxDowntime: proc(387, struct({ dom, flags }), u64),
  /** MiB/s. */
  setMaxSpeed: proc(207, struct({ dom, bandwidth: u64, flags }), nothing),
  getMaxSpeed: proc(242, struct({ dom, flags }), u64),
  startPostCopy: proc(364, struct({ dom, flags }), nothing),

  /** Times in milliseconds, sizes in bytes; `type` is `jobType`. */
  getJobInfo: proc(
    163,
    struct({ dom }),
    struct({
      type: i32,
      timeElapsed: u64,
      timeRemaining: u64,
      dataTotal: u64,
      dataProcessed: u64,
      dataRemaining: u64,
      memTotal: u64,
      memProcessed: u64,
      memRemaining: u64,
      fileTotal: u64,
      fileProcessed: u64,
      fileRemaining: u64,
    }),
  ),
  /** Flags: 1 of the last completed job. */
  getJobStats: proc(298, struct({ dom, flags }), struct({ type: i32, params: typedParams })),
  abortJob: proc(164, struct({ dom }), nothing),
})
