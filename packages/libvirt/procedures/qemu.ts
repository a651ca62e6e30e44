// QEMU's own: its monitor and the guest agent, past libvirt's understanding.
import { programs } from '../frame.ts'
import { proc, procedures } from '../procedure.ts'
import { domain } from '../wire-types.ts'
import { flags, i32, optional, string, struct } from '../xdr.ts'

const dom = domain

export const qemu = procedures(
  'qemu',
  {
    /** `command`: QMP as JSON, or HMP with the flag 1. Marks the domain as tainted. */
    monitorCommand: proc(1, struct({ dom, command: string, flags }), string),
    /** `timeout` in seconds: -2 waits for ever, -1 is the default, 0 does not wait. */
    agentCommand: proc(3, struct({ dom, command: string, timeout: i32, flags }), optional(string)),
  },
  programs.qemu,
)
