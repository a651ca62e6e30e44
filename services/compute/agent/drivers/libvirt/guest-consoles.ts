// The consoles of guests that run: the first serial port by libvirt's stream, the screen by QEMU's VNC socket.
import { once } from 'node:events'
import { open } from 'node:fs/promises'
import { connect } from 'node:net'
import { basename, dirname } from 'node:path'
import type { Duplex } from 'node:stream'
import { openConsole } from '@kilonova/libvirt/constants'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { guests as procedures } from '@kilonova/libvirt/procedures/guest'
import { domainOf } from '@kilonova/libvirt/wire-types'
import { fault } from '../../faults.ts'
import type { ConsoleKind, GuestConsoles } from '../../hypervisor.ts'
import { domainFault } from './domain-faults.ts'
import { consoleDevices } from './guest-devices.ts'
import type { Guests } from './guests.ts'

/** `pathOutside`: where a file lies that the daemon and its guests see at a path. */
export function guestConsoles(host: LibvirtHost, guests: Guests, pathOutside: (path: string) => string): GuestConsoles {
  const devicesOf = async (id: string) => consoleDevices(await guests.runningXml(id))

  const openSerial = async (id: string, device: string): Promise<Duplex> => {
    const asked = { dom: domainOf(id), device, flags: openConsole.FORCE }
    try {
      return (await host.openStream(procedures.openConsole, asked)).stream
    } catch (error) {
      throw domainFault(error, id)
    }
  }

  return {
    async kinds(id) {
      const { serial, vncSocket } = await devicesOf(id)
      const kinds: ConsoleKind[] = []
      if (serial !== undefined) kinds.push('serial')
      if (vncSocket !== undefined) kinds.push('vnc')
      return kinds
    },
    async open(id, kind) {
      const { serial, vncSocket } = await devicesOf(id)
      if (kind === 'serial' && serial !== undefined) return openSerial(id, serial)
      if (kind === 'vnc' && vncSocket !== undefined) return openSocket(pathOutside(vncSocket))
      throw fault('ConsoleUnavailable', { id, kind })
    },
  }
}

/** By way of its open directory, since a socket's path may have 107 characters at most. */
async function openSocket(path: string): Promise<Duplex> {
  const directory = await open(dirname(path))
  try {
    const socket = connect(`/proc/self/fd/${directory.fd}/${basename(path)}`)
    await once(socket, 'connect')
    return socket
  } catch (error) {
    throw fault('HypervisorFailed', { why: 'its VNC server does not answer' }, error)
  } finally {
    await directory.close()
  }
}
