// For tests: a private daemon that goes away with the test, and a guest so small that it starts at once.
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { LibvirtConnection } from './connection.ts'
import type { Daemon, DaemonOptions } from './daemon.ts'
import { startDaemon } from './daemon.ts'
import { connect } from './procedures/connect.ts'
import { domains } from './procedures/domain.ts'
import { unixSocket } from './unix-socket.ts'
import type { Domain } from './wire-types.ts'

export type TestDaemon = Daemon & {
  /** Opens a connection that is closed with the test. */
  open(): Promise<LibvirtConnection>
}

/** A daemon in a directory of its own. After the test its guests are destroyed, it is stopped, the directory removed. */
export async function daemonFor(
  test: TestContext,
  options: Omit<DaemonOptions, 'directory'> = {},
): Promise<TestDaemon> {
  const directory = await mkdtemp('/tmp/libvirt-test-')
  const daemon = await startDaemon({ directory, ...options })
  const opened: LibvirtConnection[] = []
  const open = async () => {
    const connection = await LibvirtConnection.open({ connect: unixSocket(daemon.socket) })
    opened.push(connection)
    return connection
  }
  test.after(async () => {
    await Promise.all(opened.map((connection) => connection.close()))
    const last = await startDaemon({ directory, ...options })
    await destroyGuests(last)
    await last.stop()
    await rm(directory, { recursive: true, force: true })
  })
  return { ...daemon, open }
}

async function destroyGuests({ socket }: Daemon): Promise<void> {
  const connection = await LibvirtConnection.open({ connect: unixSocket(socket) })
  const { domains: running } = await connection.call(connect.listAllDomains, { flags: 1 })
  await Promise.all(running.map((dom) => connection.call(domains.destroy, { dom }).catch(() => undefined)))
  await connection.close()
}

// Real-mode code: says "ready", then sends back each character of its first serial port; `q` turns the machine off,
// `r` restarts it. Between characters it sleeps.
const BOOT_SECTOR = Buffer.from(
  '31c08ed8fbbe4b7cfcac84c07405e82b00ebf6f4bafd03eca80174f7baf803ec3c7174093c72740ee81100ebe6' +
    'ba0406b80020efebddb0fee664ebd750bafd03eca82074fb58baf803eec3',
  'hex',
)

/** Writes the tiny guest's boot disk: raw, 1 MiB. */
export async function writeEchoDisk(path: string): Promise<void> {
  const disk = Buffer.alloc(1024 * 1024)
  BOOT_SECTOR.copy(disk)
  disk.write('ready\r\n\0', BOOT_SECTOR.length)
  disk.writeUInt16LE(0xaa55, 510)
  await writeFile(path, disk)
}

export interface EchoGuest {
  name: string
  uuid: string
  disk: string
  xml: string
  /** As it is known before libvirt has told its number. */
  dom: Domain
}

/** A domain that runs the tiny guest: emulated, 32 MiB, one processor, a serial console, an agent's channel. */
export async function echoGuest(directory: string, name = 'echo'): Promise<EchoGuest> {
  const uuid = randomUUID()
  const disk = join(directory, `${name}.raw`)
  await writeEchoDisk(disk)
  const xml = `<domain type='qemu'>
  <name>${name}</name>
  <uuid>${uuid}</uuid>
  <memory unit='MiB'>32</memory>
  <vcpu current='1'>2</vcpu>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='${disk}'/><target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <video><model type='vga' vram='1024'/></video>
    <graphics type='vnc' port='-1'><listen type='none'/></graphics>
    <memballoon model='virtio'/>
  </devices>
</domain>`
  return { name, uuid, disk, xml, dom: { name, uuid, id: -1 } }
}
