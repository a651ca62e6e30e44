// The libvirtd that this cloud's guests run under: the host's own where one answers, else one under the state directory.
import { log } from '@kilonova/base/log'
import { hostSocket, startDaemon } from '@kilonova/libvirt/daemon'
import { LibvirtHost } from '@kilonova/libvirt/host'
import { unixSocket } from '@kilonova/libvirt/unix-socket'
import type { StateDirectory } from './state-directory.ts'

export interface Libvirt {
  host: LibvirtHost
  /** What `virsh -c` takes. */
  uri: string
  /** Ends a daemon of our own; guests go on. */
  stop(): Promise<void>
}

export async function startLibvirt(state: StateDirectory): Promise<Libvirt> {
  const shared = await hostSocket()
  if (shared) {
    const host = LibvirtHost.start({ connect: unixSocket(shared), log: log('libvirt') })
    return { host, uri: 'qemu:///system', stop: () => host.close() }
  }
  const daemon = await startDaemon({ directory: state.libvirt })
  const host = LibvirtHost.start({ connect: unixSocket(daemon.socket), slowCalls: daemon.requests - 1, log: log('libvirt') })
  const stop = async (): Promise<void> => {
    await host.close()
    await daemon.stop()
  }
  return { host, uri: daemon.virshUri, stop }
}
