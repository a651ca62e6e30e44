// The host (libvirt says node): processors, memory, devices.
import { proc, procedures, quick } from '../procedure.ts'
import { nodeDevice } from '../wire-types.ts'
import { always, array, bool, chars, flags, i32, nothing, opaque, string, struct, u32, u64 } from '../xdr.ts'

const stat = struct({ field: string, value: u64 })

export const node = procedures('node', {
  /** Memory in KiB. */
  getInfo: proc(
    6,
    nothing,
    struct({
      model: chars(32),
      memory: u64,
      cpus: i32,
      mhz: i32,
      nodes: i32,
      sockets: i32,
      cores: i32,
      threads: i32,
    }),
  ),
  /** Bytes. */
  getFreeMemory: quick(102, nothing, u64),
  /** Bytes for each NUMA cell. */
  getCellsFreeMemory: quick(101, struct({ startCell: i32, maxCells: i32 }), array(u64)),
  /** Nanoseconds; `cpu` -1 is all of them. With `nparams` 0 only the number of fields is told, to be given next. */
  getCpuStats: quick(227, struct({ cpu: i32, nparams: i32, flags }), struct({ params: array(stat), nparams: i32 })),
  /** KiB; `cell` -1 is all of them. `nparams` as in getCpuStats. */
  getMemoryStats: quick(228, struct({ nparams: i32, cell: i32, flags }), struct({ params: array(stat), nparams: i32 })),
  /** A bit for each processor, least significant first: whether it is online. */
  getCpuMap: proc(
    293,
    struct({ needMap: always(1), needOnline: always(1), flags }),
    struct({ map: opaque, online: u32, count: i32 }),
  ),
  /** Free pages of each size (KiB) in each cell. */
  getFreePages: quick(340, struct({ pageSizes: array(u32), startCell: i32, cellCount: u32, flags }), array(u64)),
  listAllDevices: quick(
    285,
    struct({ needResults: always(1), flags }),
    struct({ devices: array(nodeDevice), count: u32 }),
  ),
  lookupDevice: quick(113, string, nodeDevice),
  getDeviceXmlDesc: proc(114, struct({ name: string, flags }), string),
  getDeviceAutostart: quick(433, string, bool),
})
