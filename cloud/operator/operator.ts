// What the operator's API works with.
import type { Hosts } from '../hosts.ts'
import type { Parts } from '../parts.ts'
import type { Audits } from './audit/audits.ts'

export interface Operator {
  readonly parts: Parts
  readonly hosts: Pick<Hosts, 'libvirt'>
  readonly audits: Audits
  /** What this process does. */
  readonly roles: readonly string[]
}
