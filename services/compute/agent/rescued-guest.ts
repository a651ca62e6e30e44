// What a guest boots with: its own disks, or while it is rescued those of the rescue.
import type { GuestSpec } from './guest-spec.ts'

/** The guest as its hypervisor is told of it. */
export function bootedGuest(guest: GuestSpec): GuestSpec {
  return guest.rescue ? { ...guest, disks: guest.rescue.disks } : guest
}
