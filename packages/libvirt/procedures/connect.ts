// The hypervisor connection itself: what it is, what it can do, which domains it has.
import { proc, procedures, quick } from '../procedure.ts'
import { domain, typedParams } from '../wire-types.ts'
import { always, array, bool, flags, i32, nothing, optional, string, struct, u32, u64 } from '../xdr.ts'

export const connect = procedures('connect', {
  open: quick(1, struct({ name: optional(string), flags }), nothing),
  close: quick(2, nothing, nothing),
  /** 0 is none, 1 SASL, 2 polkit. */
  authList: quick(66, nothing, array(i32)),
  /** A number of virDrvFeature: 10 is keepalive, 4 peer-to-peer migration. */
  supportsFeature: quick(60, i32, bool),
  getType: quick(3, nothing, string),
  /** Of the hypervisor: major × 1,000,000 + minor × 1,000 + release. The first call of a daemon's life probes QEMU. */
  getVersion: quick(4, nothing, u64),
  /** Of libvirt, counted alike. */
  getLibVersion: quick(157, nothing, u64),
  getHostname: quick(59, nothing, string),
  getUri: quick(110, nothing, string),
  isSecure: quick(149, nothing, bool),
  getSysinfo: quick(203, struct({ flags }), string),
  /** For a type such as `kvm` or `qemu`. */
  getMaxVcpus: quick(5, optional(string), i32),
  getCapabilities: proc(7, nothing, string),
  getDomainCapabilities: proc(
    342,
    struct({
      emulator: optional(string),
      arch: optional(string),
      machine: optional(string),
      virtType: optional(string),
      flags,
    }),
    string,
  ),
  /** -1 error, 0 incompatible, 1 identical, 2 superset: what the host is, seen from the given CPU's XML. */
  compareCpu: quick(158, struct({ xml: string, flags }), i32),
  compareHypervisorCpu: proc(
    393,
    struct({
      emulator: optional(string),
      arch: optional(string),
      machine: optional(string),
      virtType: optional(string),
      xml: string,
      flags,
    }),
    i32,
  ),
  baselineHypervisorCpu: proc(
    394,
    struct({
      emulator: optional(string),
      arch: optional(string),
      machine: optional(string),
      virtType: optional(string),
      xmlCpus: array(string),
      flags,
    }),
    string,
  ),
  getCpuModelNames: proc(
    312,
    struct({ arch: string, needResults: always(1), flags }),
    struct({ models: array(string), count: i32 }),
  ),
  /** Flags: `listDomains`. */
  listAllDomains: quick(273, struct({ needResults: always(1), flags }), struct({ domains: array(domain), count: u32 })),
  /** `stats`: what to tell (`domainStats`, 0 for all). An empty `doms` means every domain. Flags: `allDomainStats`. */
  getAllDomainStats: proc(
    344,
    struct({ doms: array(domain), stats: u32, flags }),
    array(struct({ dom: domain, params: typedParams })),
  ),
  /** Of virDomainEventID; the result is the callback's number. `LibvirtConnection.subscribe` does this and more. */
  registerDomainEvent: proc(316, struct({ eventId: i32, dom: optional(domain) }), i32),
  deregisterDomainEvent: proc(317, i32, nothing),
})
