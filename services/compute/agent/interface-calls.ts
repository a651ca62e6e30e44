// The agent's calls that give a living guest an interface, or take one away.
import { fault } from './faults.ts'
import type { GuestQueue } from './guest-queue.ts'
import type { GuestSpec, GuestVif } from './guest-spec.ts'
import type { Hypervisor } from './hypervisor.ts'
import type { ComputeAgent } from './protocol.ts'
import type { VifPlugger } from './vif-plugger.ts'
import { plugVif } from './vif-plugger.ts'

/** The lines in which a guest's domain and its network are worked on. */
interface Lines {
  queue: GuestQueue
  network: GuestQueue
}

export function interfaceCalls(
  { hypervisor, vifs }: { hypervisor: Hypervisor; vifs: VifPlugger },
  { queue, network }: Lines,
): Pick<ComputeAgent, 'attachInterface' | 'detachInterface'> {
  return {
    async attachInterface({ guest, portId }) {
      const vif = vifOf(guest, portId)
      await network.run(guest.id, () => plugVif(vifs, vif))
      return queue.run(guest.id, () => hypervisor.attachVif(guest, vif))
    },
    async detachInterface({ guest, portId }) {
      const vif = vifOf(guest, portId)
      const left = { ...guest, vifs: guest.vifs.filter((other) => other !== vif) }
      const devices = await queue.run(guest.id, () => hypervisor.detachVif(left, vif))
      await network.run(guest.id, () => vifs.unplug(vif))
      return devices
    },
  }
}

function vifOf({ id, vifs }: GuestSpec, portId: string): GuestVif {
  const vif = vifs.find((one) => one.portId === portId)
  if (!vif) throw fault('GuestInvalid', { why: `instance ${id} has no port ${portId}` })
  return vif
}
