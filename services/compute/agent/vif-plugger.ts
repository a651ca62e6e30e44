// What the compute agent asks of the network agent on the same host.
import { isFault } from '@kilonova/base/fault'
import { fault } from './faults.ts'
import type { GuestVif } from './guest-spec.ts'

/** Both may be repeated. */
export interface VifPlugger {
  /** The tap exists, is filtered and is connected to its network. */
  plug(vif: GuestVif): Promise<void>
  /** The tap and all that was made for it are gone. */
  unplug(vif: GuestVif): Promise<void>
}

/** Throws VifPlugFailed for what is no fault of its own. */
export async function plugVif(plugger: VifPlugger, vif: GuestVif): Promise<void> {
  try {
    await plugger.plug(vif)
  } catch (error) {
    throw isFault(error) ? error : fault('VifPlugFailed', { port: vif.portId }, error)
  }
}
