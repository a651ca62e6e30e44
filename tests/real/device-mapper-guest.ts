// A guest whose kernel has device-mapper, with the host's LVM in it, for hosts whose own kernel lacks it.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, realpath, rename, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { machine as machineName, tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { systemClock } from '@kilonova/base/clock'
import type { CommandOptions, CommandResult } from '@kilonova/base/command'
import { CommandFailed, run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { type CpioEntry, fileEntry, writeCpio } from '@kilonova/cloud/guest-image/cpio'
import { findPackages, unpackPackages } from '@kilonova/cloud/guest-image/debian-packages'
import { findKernel } from '@kilonova/cloud/guest-image/initramfs'
import { moduleEntries } from '@kilonova/cloud/guest-image/kernel-modules'

const CACHE = join(process.env['KILONOVA_TEST_CACHE'] ?? join(tmpdir(), 'kilonova-test-cache'), 'device-mapper')
const MODULES = ['virtio_pci', 'virtio_blk', 'dm_mod', 'dm_thin_pool', 'dm_snapshot']
const BUSYBOX = '/bin/busybox'
const LVM_COMMANDS = ['pvcreate', 'vgcreate', 'vgs', 'lvs', 'lvcreate', 'lvextend', 'lvrename', 'lvremove', 'lvchange']
const CONFIG = `global { thin_check_executable = "" }
activation { udev_sync = 0 udev_rules = 0 monitoring = 0 }
devices { obtain_device_list_from_udev = 0 use_devicesfile = 0 filter = [ "a|^/dev/vda$|", "r|.*|" ] }
backup { backup = 0 archive = 0 }
`
/** Runs what it reads, line by line, from the second serial port, and answers: code, output and errors in base64. */
const INIT = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run/lock/lvm /tmp /bin /sbin
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/bin/busybox mount -t devtmpfs devtmpfs /dev
/bin/busybox --install -s
for module in ${MODULES.join(' ')}; do modprobe $module; done
stty -F /dev/ttyS1 raw -echo
exec </dev/ttyS1 >/dev/ttyS1
echo ready
while read -r line; do
  sh -c "$line" </dev/null >/tmp/out 2>/tmp/err
  echo "$? $(base64 -w 0 /tmp/out). $(base64 -w 0 /tmp/err)."
done
`
const BOOT_MS = 60_000

/** Kernel and initramfs, made once for all tests. */
async function parts(): Promise<{ kernel: string; initrd: string }> {
  const packages = await findPackages()
  const version = packages.find(({ name }) => name.startsWith('linux-image-'))!
  const finished = join(CACHE, `${version.name}-${version.version.replaceAll(/[^\w.-]/g, '_')}`)
  const [kernel, root] = [join(finished, 'kernel'), join(finished, 'root')]
  if (!(await isThere(kernel))) await unpack(packages, finished)
  const work = await realpath(finished)
  const initrd = join(work, `initrd.${systemRandom.uuid()}`)
  const [release = ''] = await readdir(join(root, 'lib/modules'))
  const modules = await moduleEntries(MODULES, { tree: join(root, 'lib/modules', release), busybox: BUSYBOX })
  const entries = [
    fileEntry('init', Buffer.from(INIT), 0o755),
    fileEntry('bin/busybox', await readFile(BUSYBOX), 0o755),
    fileEntry('etc/lvm/lvm.conf', Buffer.from(CONFIG)),
    ...(await programEntries('/usr/sbin/lvm')),
    ...LVM_COMMANDS.map((name) =>
      fileEntry(`sbin/${name}`, Buffer.from(`#!/bin/sh\nexec /usr/sbin/lvm ${name} "$@"\n`), 0o755),
    ),
    ...modules,
  ]
  await writeFile(initrd, gzipSync(writeCpio(entries), { level: 1 }))
  return { kernel, initrd }
}

async function unpack(packages: Awaited<ReturnType<typeof findPackages>>, finished: string): Promise<void> {
  const work = `${finished}.${systemRandom.uuid()}`
  const root = join(work, 'root')
  await mkdir(work, { recursive: true })
  const kernels = packages.filter(({ name }) => name.startsWith('linux-image-'))
  await unpackPackages(kernels, { directory: join(work, 'packages'), root })
  await rename(await findKernel(root), join(work, 'kernel'))
  await rm(join(work, 'packages'), { recursive: true })
  await rename(work, finished).catch(() => rm(work, { recursive: true })) // another test was first
}

/** The program of this host with its libraries. */
async function programEntries(path: string): Promise<CpioEntry[]> {
  const { stdout } = await run('ldd', [path])
  const libraries = [...stdout.matchAll(/(\/\S+)/g)].map(([, library]) => library!)
  return Promise.all([path, ...libraries].map(async (file) => fileEntry(file.slice(1), await readFile(file), 0o755)))
}

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )

export class DeviceMapperGuest {
  readonly #qemu: ChildProcess
  readonly #initrd: string
  readonly #socket: Socket
  #said = ''

  private constructor(qemu: ChildProcess, initrd: string, socket: Socket) {
    this.#qemu = qemu
    this.#initrd = initrd
    this.#socket = socket
    socket.on('data', (chunk) => {
      this.#said += chunk
    })
  }

  /** With an empty disk of `size` bytes as /dev/vda. */
  static async start(directory: string, size: number): Promise<DeviceMapperGuest> {
    const { kernel, initrd } = await parts()
    const [disk, port, console] = ['disk', 'port', 'console'].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ]
    await writeFile(disk, '')
    await truncate(disk, size)
    const machine = ['-M', 'pc', '-m', '256', '-display', 'none', '-no-reboot', '-nodefaults']
    const boot = ['-kernel', kernel, '-initrd', initrd, '-append', 'console=ttyS0 quiet mitigations=off']
    const serial = ['-serial', `file:${console}`, '-serial', `unix:${port},server=on,wait=off`]
    const drive = ['-drive', `file=${disk},format=raw,if=virtio`]
    const qemu = spawn(`qemu-system-${machineName()}`, [...machine, ...boot, ...serial, ...drive], { stdio: 'ignore' })
    const socket = await opened(port)
    const guest = new DeviceMapperGuest(qemu, initrd, socket)
    try {
      await guest.#line(BOOT_MS)
    } catch (error) {
      await guest.stop()
      throw new Error(`the guest does not come up: ${(await readFile(console, 'utf8')).slice(-2000)}`, { cause: error })
    }
    return guest
  }

  /** As `run` does it on this host; nothing of the environment is taken over. */
  readonly run = async (
    file: string,
    args: readonly string[],
    options: CommandOptions = {},
  ): Promise<CommandResult> => {
    const { accept = [0], timeout = 60_000 } = options
    this.#socket.write(`${[file, ...args].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')}\n`)
    const [code = '', ...texts] = (await this.#line(timeout)).split(' ')
    const [stdout, stderr] = texts.map((text) => Buffer.from(text.replace(/\.$/, ''), 'base64').toString())
    const result = { code: Number(code), stdout: stdout ?? '', stderr: stderr ?? '' }
    if (accept.includes(result.code)) return result
    throw new CommandFailed(file, args, `ended with code ${code}`, result.code, result.stderr)
  }

  async stop(): Promise<void> {
    this.#socket.destroy()
    if (this.#qemu.exitCode === null && this.#qemu.kill('SIGKILL')) await once(this.#qemu, 'exit')
    await rm(this.#initrd, { force: true })
  }

  async #line(patience: number): Promise<string> {
    for (let waited = 0; waited < patience; waited += 10) {
      const end = this.#said.indexOf('\n')
      if (end >= 0) {
        const line = this.#said.slice(0, end).trim()
        this.#said = this.#said.slice(end + 1)
        return line
      }
      await systemClock.sleep(10)
    }
    throw new Error(`no answer within ${patience} ms`)
  }
}

async function opened(path: string): Promise<Socket> {
  for (let waited = 0; ; waited += 50) {
    const socket = connect(path)
    const isOpen = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    if (isOpen) return socket
    if (waited > BOOT_MS) throw new Error(`nothing listens on ${path}`)
    await systemClock.sleep(50)
  }
}
