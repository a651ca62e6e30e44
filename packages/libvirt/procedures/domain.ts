// A domain's existence and running: find, define, start, stop, describe.
import { proc, procedures, quick } from '../procedure.ts'
import { domain, uuid } from '../wire-types.ts'
import { bool, flags, i32, nothing, optional, string, struct, u32, u64 } from '../xdr.ts'

const dom = domain

export const domains = procedures('domains', {
  lookupByUuid: quick(24, uuid, domain),
  lookupByName: quick(23, string, domain),
  lookupById: quick(22, i32, domain),

  /** Makes it exist, shut off; or replaces the definition of the same uuid. Flags: 1 validates against the schema. */
  defineXml: quick(350, struct({ xml: string, flags }), domain),
  /** Makes it exist and run until it stops. Flags: `startDomain`. */
  createXml: proc(10, struct({ xml: string, flags }), domain),
  /** Starts a defined one. Flags: `startDomain`. */
  create: proc(196, struct({ dom, flags }), domain),
  /** Pulls the plug. Flags: `destroyDomain`. */
  destroy: quick(234, struct({ dom, flags }), nothing),
  /** Flags: `undefineDomain`. */
  undefine: quick(231, struct({ dom, flags }), nothing),
  /** Asks the guest and does not wait. Flags: `shutdownDomain`. */
  shutdown: proc(258, struct({ dom, flags }), nothing),
  /** Asks the guest and does not wait. Flags: `shutdownDomain`. */
  reboot: proc(27, struct({ dom, flags }), nothing),
  reset: proc(245, struct({ dom, flags }), nothing),
  suspend: proc(34, struct({ dom }), nothing),
  resume: proc(28, struct({ dom }), nothing),
  rename: proc(358, struct({ dom, newName: optional(string), flags }), i32),

  /** `domainState` and a reason that depends on it. */
  getState: quick(212, struct({ dom, flags }), struct({ state: i32, reason: i32 })),
  /** Memory in KiB, processor time in nanoseconds. Asks the guest's balloon. */
  getInfo: proc(16, struct({ dom }), struct({ state: u32, maxMemory: u64, memory: u64, vcpus: u32, cpuTime: u64 })),
  /** Whether its monitor is free: 0 ok, 1 a job, 2 occupied, 3 broken; and since how many milliseconds. */
  getControlInfo: quick(229, struct({ dom, flags }), struct({ state: u32, details: u32, stateTime: u64 })),
  /** Flags: `domainXml`. */
  getXmlDesc: proc(14, struct({ dom, flags }), string),
  isActive: quick(150, struct({ dom }), bool),
  isPersistent: quick(151, struct({ dom }), bool),
  isUpdated: quick(202, struct({ dom }), bool),
  getOsType: quick(19, struct({ dom }), string),
  getAutostart: quick(15, struct({ dom }), bool),
  setAutostart: quick(29, struct({ dom, autostart: bool }), nothing),
  /** `type`: 0 description, 1 title, 2 an element, for which `key` (its prefix) and `uri` (its namespace) are given. */
  setMetadata: proc(
    264,
    struct({
      dom,
      type: i32,
      metadata: optional(string),
      key: optional(string),
      uri: optional(string),
      flags,
    }),
    nothing,
  ),
  getMetadata: proc(265, struct({ dom, type: i32, uri: optional(string), flags }), string),
})
