// Secrets: passphrases and keys that disks need.
import { procedures, quick } from '../procedure.ts'
import { secret, uuid } from '../wire-types.ts'
import { always, array, flags, i32, nothing, opaque, string, struct, u32 } from '../xdr.ts'

export const secrets = procedures('secrets', {
  listAll: quick(287, struct({ needResults: always(1), flags }), struct({ secrets: array(secret), count: u32 })),
  lookupByUuid: quick(141, uuid, secret),
  /** `usageType`: 1 volume, 2 ceph, 3 iscsi, 4 tls, 5 vtpm. */
  lookupByUsage: quick(147, struct({ usageType: i32, usageId: string }), secret),
  defineXml: quick(142, struct({ xml: string, flags }), secret),
  getXmlDesc: quick(143, struct({ secret, flags }), string),
  setValue: quick(144, struct({ secret, value: opaque, flags }), nothing),
  getValue: quick(145, struct({ secret, flags }), opaque),
  undefine: quick(146, struct({ secret }), nothing),
})
