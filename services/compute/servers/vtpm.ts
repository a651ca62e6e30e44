// Servers with a virtual TPM: what is sealed in it belongs to the disks that they were made with.
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import { fault } from '../faults.ts'
import type { ServerRow } from '../schema/tables.ts'
import { parsed } from './view.ts'

/** Throws for a server that has one. */
export function refuseVtpm(row: ServerRow, operation: string): void {
  const { extraSpecs } = parsed<GuestFlavor>(row.flavor_json)
  const properties = row.image_json === null ? {} : parsed<GuestImage>(row.image_json).properties
  const wanted = extraSpecs['hw:tpm_version'] ?? properties['hw_tpm_version']
  if (wanted !== undefined) throw fault('OperationNotSupportedForVTPM', { id: row.id, operation })
}
