// virt_type `auto`: kvm where a guest really runs under it, else qemu. A /dev/kvm alone proves nothing.
import { constants } from 'node:fs'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { run } from '@kilonova/base/command'

export type VirtType = 'kvm' | 'qemu'

/** Milliseconds for a guest that takes a tenth of a second where it runs at all. */
const LIMIT = 3_000

const EXIT_VALUE = 0x2a
/** isa-debug-exit ends QEMU with twice the value plus one. */
const EXIT_CODE = EXIT_VALUE * 2 + 1

/** Waits for three timer interrupts, counts down from 20 million, writes EXIT_VALUE to port 0xf4. */
const CODE = [
  [0x31, 0xc0], // xor ax, ax
  [0x8e, 0xd8], // mov ds, ax
  [0x8e, 0xd0], // mov ss, ax
  [0xbc, 0x00, 0x7c], // mov sp, 0x7c00
  [0xfb], // sti
  [0xb9, 0x03, 0x00], // mov cx, 3
  [0xf4], // hlt
  [0xe2, 0xfd], // loop to hlt
  [0x66, 0xb9, 0x00, 0x2d, 0x31, 0x01], // mov ecx, 20000000
  [0x66, 0x49], // dec ecx
  [0x75, 0xfc], // jnz to dec
  [0xb0, EXIT_VALUE], // mov al, EXIT_VALUE
  [0xe6, 0xf4], // out 0xf4, al
  [0xf4], // hlt
  [0xeb, 0xfd], // jmp to hlt
]

function bootSector(): Buffer {
  const sector = Buffer.alloc(512)
  Buffer.from(CODE.flat()).copy(sector)
  sector.writeUInt16LE(0xaa55, 510)
  return sector
}

/** Whether QEMU runs the probe guest to its end with this accelerator. */
export async function guestRuns(accelerator: 'kvm' | 'tcg', limit = LIMIT): Promise<boolean> {
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-probe-'))
  try {
    const disk = join(directory, 'boot')
    await writeFile(disk, bootSector())
    await run(
      'qemu-system-x86_64',
      [
        ...['-accel', accelerator, '-machine', 'pc', '-m', '16', '-nodefaults', '-no-user-config', '-display', 'none'],
        ...['-drive', `file=${disk},format=raw,if=ide`, '-device', 'isa-debug-exit,iobase=0xf4,iosize=0x04'],
      ],
      { timeout: limit, accept: [EXIT_CODE] },
    )
    return true
  } catch {
    return false
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** Finds the host's virt_type; the answer is kept in `cacheFile` until the next boot. */
export async function probeVirtType(cacheFile: string): Promise<VirtType> {
  if (process.arch !== 'x64' || !(await isUsable('/dev/kvm'))) return 'qemu'
  const boot = (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim()
  const known = await readFile(cacheFile, 'utf8').catch(() => '')
  const [knownBoot, knownType] = known.trim().split(' ')
  if (knownBoot === boot && (knownType === 'kvm' || knownType === 'qemu')) return knownType
  const type = (await guestRuns('kvm')) ? 'kvm' : 'qemu'
  await writeAtomically(cacheFile, `${boot} ${type}\n`)
  return type
}

function isUsable(path: string): Promise<boolean> {
  return access(path, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  )
}
