// What a domain consists of and uses: devices, processors, memory, network interfaces, and their figures.
import { proc, procedures, quick } from '../procedure.ts'
import { domain, typedParams } from '../wire-types.ts'
import { array, flags, i32, i64, nothing, opaque, string, struct, u32, u64 } from '../xdr.ts'

const dom = domain

export const resources = procedures('resources', {
  /** Flags of all changes here: `affect`. */
  attachDevice: proc(160, struct({ dom, xml: string, flags }), nothing),
  /** Asks the guest to let go; `deviceRemoved` tells when it has. */
  detachDevice: proc(161, struct({ dom, xml: string, flags }), nothing),
  detachDeviceAlias: proc(392, struct({ dom, alias: string, flags }), nothing),
  updateDevice: proc(174, struct({ dom, xml: string, flags }), nothing),

  setVcpus: proc(199, struct({ dom, vcpus: u32, flags }), nothing),
  getVcpus: proc(200, struct({ dom, flags }), i32),
  /** `maps`: `mapLength` bytes for each processor, a bit for each host processor. Time in nanoseconds. */
  getVcpuInfo: quick(
    20,
    struct({ dom, maxInfo: i32, mapLength: i32 }),
    struct({ info: array(struct({ number: u32, state: i32, cpuTime: u64, cpu: i32 })), maps: opaque }),
  ),
  pinVcpu: proc(225, struct({ dom, vcpu: u32, map: opaque, flags }), nothing),
  /** With `nparams` 0 only their number is told. `startCpu` -1 is the sum of all. */
  getCpuStats: proc(
    262,
    struct({ dom, nparams: u32, startCpu: i32, cpus: u32, flags }),
    struct({ params: typedParams, nparams: i32 }),
  ),

  /** KiB. */
  setMemory: proc(204, struct({ dom, memory: u64, flags }), nothing),
  /** KiB. */
  getMaxMemory: quick(17, struct({ dom }), u64),
  /** Seconds between the balloon's reports; 0 turns them off. */
  setMemoryStatsPeriod: proc(308, struct({ dom, period: i32, flags }), nothing),
  /** KiB, by virDomainMemoryStatTags (4 unused, 5 available, 6 actual, 7 rss, 8 usable …). */
  memoryStats: proc(159, struct({ dom, maxStats: u32, flags }), array(struct({ tag: i32, value: u64 }))),

  /** `device`: the tap's name, or the MAC address. */
  interfaceStats: quick(
    65,
    struct({ dom, device: string }),
    struct({
      rxBytes: i64,
      rxPackets: i64,
      rxErrors: i64,
      rxDropped: i64,
      txBytes: i64,
      txPackets: i64,
      txErrors: i64,
      txDropped: i64,
    }),
  ),
  setInterfaceParameters: proc(256, struct({ dom, device: string, params: typedParams, flags }), nothing),
  getInterfaceParameters: proc(
    257,
    struct({ dom, device: string, nparams: i32, flags }),
    struct({ params: typedParams, nparams: i32 }),
  ),
})
