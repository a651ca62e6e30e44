// Whether libvirt answers or can be started, and whether QEMU really runs guests, and how.
import { access, mkdtemp, rm } from 'node:fs/promises'
import { machine, tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandFailed, run } from '@kilonova/base/command'
import { guestRuns, probeVirtType } from '@kilonova/compute/agent/drivers/libvirt/virt-type'
import { findDaemon, hostSocket } from '@kilonova/libvirt/daemon'
import type { StateDirectory } from '../../state-directory.ts'
import type { Check } from './check.ts'
import { isRoot, NEEDS_ROOT, ok, unknown, wrong } from './check.ts'

/** Milliseconds for the probe guest on a machine that is busy. */
const PATIENCE = 30_000

/** `running`: a cloud with real guests runs on this state directory. */
export async function libvirtCheck(state: StateDirectory, running: boolean): Promise<Check> {
  const socket = await hostSocket()
  if (socket) return ok('libvirtd', `the host's own answers on ${socket}`)
  const daemon = await findDaemon({ directory: state.libvirt })
  if (daemon) return ok('libvirtd', `the cloud's own answers (process ${daemon.pid}): virsh -c '${daemon.virshUri}'`)
  if (running && !isRoot()) return unknown('libvirtd', 'takes root', NEEDS_ROOT)
  if (running) return wrong('libvirtd', 'none answers', './kilonova down; ./kilonova up --detach')
  try {
    const { stdout } = await run('libvirtd', ['--version'])
    return ok('libvirtd', `${stdout.trim()}; the cloud starts its own`)
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    return wrong('libvirtd', error.message, install('libvirt-daemon libvirt-daemon-driver-qemu'))
  }
}

export async function qemuCheck(state: StateDirectory): Promise<Check> {
  const program = `qemu-system-${machine()}`
  try {
    const { stdout } = await run(program, ['--version'])
    const version = stdout.split('\n')[0]!
    if (process.arch !== 'x64') return ok('qemu', version)
    return await probe(state, version)
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error
    return wrong('qemu', error.message, install('qemu-system-x86'))
  }
}

async function probe(state: StateDirectory, version: string): Promise<Check> {
  const type = await virtTypeOf(state)
  const runs = await guestRuns(type === 'kvm' ? 'kvm' : 'tcg', PATIENCE)
  if (!runs) {
    return wrong('qemu', `${version} does not run a guest`, install('--reinstall qemu-system-x86 seabios ipxe-qemu'))
  }
  if (type === 'kvm') return ok('qemu', `${version} runs guests under KVM`)
  const kvm = (await isThere('/dev/kvm')) ? '/dev/kvm is no use here: no guest runs under it' : 'there is no /dev/kvm'
  return ok('qemu', `${version} runs guests in software (TCG), which is slow; ${kvm}`)
}

/** As the cloud finds it, and from its memory where it has one that this user may write to. */
async function virtTypeOf(state: StateDirectory): Promise<'kvm' | 'qemu'> {
  try {
    return await probeVirtType(state.virtType)
  } catch (error) {
    if (!['ENOENT', 'EACCES', 'EROFS'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
  const directory = await mkdtemp(join(tmpdir(), 'kilonova-doctor-'))
  try {
    return await probeVirtType(join(directory, 'virt_type'))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

const install = (packages: string): string => `sudo apt-get install -y --no-install-recommends ${packages}`
