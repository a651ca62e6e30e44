// What the operator's API works with.
import type { Hosts } from '../hosts.ts'
import type { Parts } from '../parts.ts'

export interface Operator {
  readonly parts: Parts
  readonly hosts: Pick<Hosts, 'libvirt'>
  /** What this process does. */
  readonly roles: readonly string[]
}
