// The calls of the agent that only concern a guest's disks, each guest's in their order.
import type { GuestStorage } from './disks/guest-storage.ts'
import type { GuestQueue } from './guest-queue.ts'
import type { ComputeAgent } from './protocol.ts'

type DiskCall =
  | 'prepareImage'
  | 'createDisks'
  | 'createRescueDisks'
  | 'removeRescueDisks'
  | 'planMove'
  | 'copyDisks'
  | 'offerDisks'
  | 'withdrawDisks'
  | 'takeDisks'
  | 'planRebuild'
  | 'removeDisks'
  | 'storedGuests'

export function diskCalls(storage: GuestStorage, files: GuestQueue): Pick<ComputeAgent, DiskCall> {
  const once = (id: string, work: () => Promise<void>): Promise<null> =>
    files.run(id, async () => {
      await work()
      return null
    })
  return {
    prepareImage: (image) => storage.prepareImage(image),
    createDisks: (guest) => files.run(guest.id, () => storage.createDisks(guest)),
    createRescueDisks: ({ guest, image }) => files.run(guest.id, () => storage.createRescueDisks(guest, image)),
    removeRescueDisks: ({ id }) => once(id, () => storage.removeRescueDisks(id)),
    planMove: ({ guest, generation }) => storage.planMove(guest, generation),
    copyDisks: ({ guest, planned }) => once(guest.id, () => storage.copyDisks(guest, planned)),
    offerDisks: (guest) => files.run(guest.id, () => storage.offerDisks(guest)),
    async withdrawDisks({ id }) {
      await storage.withdrawDisks(id) // at once: what waits for the other host waits no longer
      return null
    },
    takeDisks: ({ guest, planned, offer }) => once(guest.id, () => storage.takeDisks(guest, planned, offer)),
    planRebuild: ({ guest, ...how }) => storage.planRebuild(guest, how),
    removeDisks: ({ id, disks }) => once(id, () => storage.removeDisks(id, disks)),
    storedGuests: () => storage.guests(),
  }
}
