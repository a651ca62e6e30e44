// What is done to or asked of the system inside: its console, keyboard, screen, agent.
import { proc, procedures, streaming } from '../procedure.ts'
import { domain, typedParams } from '../wire-types.ts'
import { array, flags, i32, i64, nothing, optional, string, struct, u32, u64 } from '../xdr.ts'

const dom = domain

export const guests = procedures('guests', {
  /** `device`: an alias such as `serial0`, or none for the first. Flags: `openConsole`. */
  openConsole: streaming(201, struct({ dom, device: optional(string), flags }), nothing),
  openChannel: streaming(296, struct({ dom, name: optional(string), flags }), nothing),
  /** The result is the picture's MIME type; the picture is the stream. */
  screenshot: streaming(211, struct({ dom, screen: u32, flags }), optional(string)),
  /** `codeset` 0 is Linux's key codes. Milliseconds. */
  sendKey: proc(226, struct({ dom, codeset: u32, holdTime: u32, keycodes: array(u32), flags }), nothing),
  injectNmi: proc(210, struct({ dom, flags }), nothing),

  /** These ask the guest agent. No mount points means all. The result is how many. */
  fsFreeze: proc(335, struct({ dom, mountpoints: array(string), flags }), i32),
  fsThaw: proc(336, struct({ dom, mountpoints: array(string), flags }), i32),
  fsTrim: proc(294, struct({ dom, mountpoint: optional(string), minimum: u64, flags }), nothing),
  getFsInfo: proc(
    349,
    struct({ dom, flags }),
    struct({
      info: array(struct({ mountpoint: string, name: string, fstype: string, devAliases: array(string) })),
      count: u32,
    }),
  ),
  /** Flag 1: the password is encrypted already. */
  setUserPassword: proc(357, struct({ dom, user: optional(string), password: optional(string), flags }), nothing),
  getHostname: proc(277, struct({ dom, flags }), string),
  getTime: proc(337, struct({ dom, flags }), struct({ seconds: i64, nanoseconds: u32 })),
  setTime: proc(338, struct({ dom, seconds: i64, nanoseconds: u32, flags }), nothing),
  getInfo: proc(418, struct({ dom, types: u32, flags }), typedParams),
  /** Seconds; -2 waits for ever, -1 is libvirt's default, 0 does not wait. */
  setAgentTimeout: proc(420, struct({ dom, timeout: i32, flags }), i32),
  /** `source`: 0 DHCP leases of libvirt's networks, 1 the guest agent, 2 the host's ARP table. */
  interfaceAddresses: proc(
    353,
    struct({ dom, source: u32, flags }),
    array(
      struct({
        name: string,
        hwaddr: optional(string),
        addresses: array(struct({ type: i32, address: string, prefix: u32 })),
      }),
    ),
  ),
})
