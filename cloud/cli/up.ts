// `up`: the cloud in this process until it is told to end, or in a process of its own.
import { fault } from '../faults.ts'
import { ensureDebianPackages } from '../setup/debian-packages.ts'
import { detach, isDetached, tellParent } from './detach.ts'
import { fail } from './fail.ts'

export interface UpOptions {
  stateDir: string
  port: number
  listen: string
  config?: string
  driver: 'libvirt' | 'fake'
  fakeHosts: number
  roles: string
  detach?: boolean
  memory?: boolean
}

const ROLES = ['api', 'conductor', 'agent']

export async function up(options: UpOptions): Promise<void> {
  refuseWhatCannotBe(options)
  if (options.driver === 'libvirt') await prepareHost()
  if (options.detach) return detach(options)
  try {
    await (await import('./run-cloud.ts')).runCloud(options) // loaded only in the process that becomes the cloud
  } catch (error) {
    if (!isDetached()) throw error
    tellParent({ failed: error })
    process.exitCode = fail(error)
  }
}

function refuseWhatCannotBe({ roles, memory, driver }: UpOptions): void {
  const asked = roles.split(',')
  const unknown = asked.find((role) => !ROLES.includes(role))
  if (unknown !== undefined)
    throw fault('ConfigUnusable', { why: `There is no role ${unknown}; the roles are ${ROLES.join(', ')}.` })
  if (ROLES.some((role) => !asked.includes(role))) {
    throw fault('ConfigUnusable', {
      why: 'Roles cannot be split over processes on a bus inside one process: leave --roles out.',
    })
  }
  if (memory && driver !== 'fake')
    throw fault('ConfigUnusable', {
      why: '--memory keeps nothing on disk, and real guests need disks: add --driver fake.',
    })
}

/** Real guests need root and Debian's packages. */
export async function prepareHost(): Promise<void> {
  if (process.getuid?.() !== 0) throw fault('RootNeeded', { why: 'it makes taps, bridges, namespaces and guests' })
  await ensureDebianPackages(['run'])
}
