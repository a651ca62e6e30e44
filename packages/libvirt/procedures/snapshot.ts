// Snapshots of a domain.
import { proc, procedures, quick } from '../procedure.ts'
import { domain, snapshot } from '../wire-types.ts'
import { always, array, bool, flags, i32, nothing, string, struct } from '../xdr.ts'

const dom = domain

export const snapshots = procedures('snapshots', {
  /** Flags: `createSnapshot`. */
  createXml: proc(185, struct({ dom, xml: string, flags }), snapshot),
  listAll: quick(
    274,
    struct({ dom, needResults: always(1), flags }),
    struct({ snapshots: array(snapshot), count: i32 }),
  ),
  lookupByName: quick(189, struct({ dom, name: string, flags }), snapshot),
  getXmlDesc: quick(186, struct({ snapshot, flags }), string),
  hasCurrent: proc(190, struct({ dom, flags }), bool),
  current: proc(191, struct({ dom, flags }), snapshot),
  revert: proc(192, struct({ snapshot, flags }), nothing),
  /** Flags: 1 with its children, 2 only libvirt's record of it. */
  delete: proc(193, struct({ snapshot, flags }), nothing),
})
