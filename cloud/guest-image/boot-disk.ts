// The disk: one FAT file system without a partition table, started by syslinux; made without root or mounts.
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'

const SECTOR = 512
const MEBIBYTE = 2 ** 20
/** Room for syslinux, the file system's tables and a change of kernel by the user. */
const SPARE = 8 * MEBIBYTE

/** Quiet, and without the protections and self-tests that a throw-away guest under emulation pays for with seconds. */
const KERNEL_OPTIONS =
  'quiet loglevel=3 mitigations=off nokaslr no_timer_check cryptomgr.notests rcupdate.rcu_expedited=1'

const SYSLINUX_CONFIG = `SERIAL 0 115200
PROMPT 0
TIMEOUT 0
DEFAULT kilonova-tiny
LABEL kilonova-tiny
  LINUX vmlinuz
  INITRD initrd.zst
  APPEND console=tty0 console=ttyS0,115200 ${KERNEL_OPTIONS}
`

/** Writes a compressed qcow2 to `path` that starts the kernel with the initramfs. Works in `directory`. */
export async function makeBootDisk(
  path: string,
  { directory, kernel, initramfs }: { directory: string; kernel: Uint8Array; initramfs: Uint8Array },
): Promise<void> {
  const raw = join(directory, 'disk.raw')
  const files = { vmlinuz: kernel, 'initrd.zst': initramfs, 'syslinux.cfg': Buffer.from(SYSLINUX_CONFIG) }
  const size = Math.ceil((kernel.length + initramfs.length + SPARE) / MEBIBYTE) * MEBIBYTE
  // Fixed times and serial numbers: the same inputs make the same image.
  const env = { ...process.env, MTOOLSRC: '/dev/null', SOURCE_DATE_EPOCH: '1700000000', TZ: 'UTC' }

  const geometry = ['-T', String(size / SECTOR), '-h', '64', '-s', '32', '-c', '64']
  await run('mformat', ['-i', raw, '-C', '-v', 'KILONOVA', '-N', '4b4e5459', ...geometry, '::'], { env })
  await run('syslinux', ['--install', raw], { env })
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(directory, name), content)
    await run('mcopy', ['-i', raw, join(directory, name), `::${name}`], { env })
  }
  await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', '-c', raw, path], { env, timeout: 300_000 })
}
