// What the compute agent asks of the network agent on the same host.
import type { GuestVif } from './guest-spec.ts'

/** Both may be repeated. */
export interface VifPlugger {
  /** The tap exists, is filtered and is connected to its network. */
  plug(vif: GuestVif): Promise<void>
  /** The tap and all that was made for it are gone. */
  unplug(vif: GuestVif): Promise<void>
}
