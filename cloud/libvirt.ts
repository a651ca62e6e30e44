// The libvirtd that this cloud's guests run under: the host's own where one answers, else one under the state directory.
import type { Duplex } from 'node:stream'
import { log } from '@kilonova/base/log'
import { findDaemon, hostSocket, pathOutside, startDaemon } from '@kilonova/libvirt/daemon'
import { LibvirtHost } from '@kilonova/libvirt/host'
import { unixSocket } from '@kilonova/libvirt/unix-socket'
import type { StateDirectory } from './state-directory.ts'

export interface Libvirt {
  host: LibvirtHost
  /** What `virsh -c` takes; undefined while a daemon of our own is not up. */
  uri(): Promise<string | undefined>
  /** Where a file lies that the daemon sees at a path. */
  pathOutside(path: string): string
  /** Ends a daemon of our own; guests go on. */
  stop(): Promise<void>
}

export async function startLibvirt({ libvirt: directory }: StateDirectory): Promise<Libvirt> {
  const shared = await hostSocket()
  if (shared) {
    const host = LibvirtHost.start({ connect: unixSocket(shared), log: log('libvirt') })
    return { host, uri: async () => 'qemu:///system', pathOutside: (path) => path, stop: () => host.close() }
  }
  // Each new connection finds the daemon or starts it, so one that died comes back by itself.
  const connect = async (): Promise<Duplex> => unixSocket((await startDaemon({ directory })).socket)()
  const host = LibvirtHost.start({ connect, log: log('libvirt') })
  const stop = async (): Promise<void> => {
    await host.close()
    await (await findDaemon({ directory }))?.stop()
  }
  return {
    host,
    uri: async () => (await findDaemon({ directory }))?.virshUri,
    pathOutside: (path) => pathOutside(directory, path),
    stop,
  }
}
