// A running domain's memory put on disk and taken back.
import { proc, procedures, quick } from '../procedure.ts'
import { domain } from '../wire-types.ts'
import { bool, flags, nothing, optional, string, struct, u32 } from '../xdr.ts'

const dom = domain

export const saving = procedures('saving', {
  /** Into a file of libvirt's own, from which the next start goes on. Flags: `saveDomain`. */
  managedSave: proc(182, struct({ dom, flags }), nothing),
  hasManagedSaveImage: proc(183, struct({ dom, flags }), bool),
  managedSaveRemove: proc(184, struct({ dom, flags }), nothing),
  /** Flags: `saveDomain`. */
  save: proc(232, struct({ dom, to: string, xml: optional(string), flags }), nothing),
  restore: proc(233, struct({ from: string, xml: optional(string), flags }), nothing),
  getImageXmlDesc: quick(235, struct({ file: string, flags }), string),
  /** Flags: `dumpDomain`. */
  coreDump: proc(53, struct({ dom, to: string, flags }), nothing),
  /** `format`: 0 ELF, 1–3 kdump with zlib, lzo, snappy. */
  coreDumpWithFormat: proc(334, struct({ dom, to: string, format: u32, flags }), nothing),
})
