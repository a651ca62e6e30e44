// Whether the disks that the configuration speaks of can be made: its volume group, and its whole devices.
import { join } from 'node:path'
import { isFault } from '@kilonova/base/fault'
import { IsolatedDisks } from '@kilonova/compute/agent/disks/isolated'
import { InstancePaths } from '@kilonova/compute/agent/instance-paths'
import type { CloudConfig } from '../../config.ts'
import { loadConfig } from '../../config.ts'
import { volumeGroup } from '../../guest-storage.ts'
import type { StateDirectory } from '../../state-directory.ts'
import type { Check } from './check.ts'
import { isRoot, NEEDS_ROOT, ok, unknown, wrong } from './check.ts'

/** Nothing for a configuration that cannot be read: another check says so. */
export async function diskChecks(state: StateDirectory): Promise<Check[]> {
  const config = await loadConfig(undefined, state.configFile).catch(() => undefined)
  if (!config) return []
  const { images_type: type, images_volume_group: group, isolated_disks: devices } = config.compute
  const usesVolumes = type.startsWith('lvm') || group !== ''
  if (!isRoot()) return usesVolumes || devices.length > 0 ? [unknown('guest disks', 'takes root', NEEDS_ROOT)] : []
  return [
    ...(usesVolumes ? [await volumeCheck(config)] : []),
    ...(devices.length > 0 ? await deviceChecks(devices, state) : []),
  ]
}

async function volumeCheck(config: CloudConfig): Promise<Check> {
  const group = volumeGroup(config, 'doctor')
  try {
    await group.check()
    const { total, used } = await group.space()
    return ok('volume group', `${group.name} has ${gib(total - used)} of ${gib(total)} GiB free`)
  } catch (error) {
    if (!isFault(error, 'BackendUnavailable')) throw error
    return wrong('volume group', error.message, error.mend ?? '')
  }
}

const gib = (bytes: number): string => (bytes / 1024 ** 3).toFixed(1)

async function deviceChecks(devices: readonly string[], { path }: StateDirectory): Promise<Check[]> {
  const { isolated: directory } = new InstancePaths(join(path, 'instances'))
  const disks = await new IsolatedDisks({ devices, directory, clearing: { how: 'none', mb: 0 } }).disks()
  return disks.map(({ path: device, size, rotational, guest, trouble }) => {
    const name = `isolated disk ${device}`
    if (trouble !== null) return wrong(name, `it ${trouble}`, 'free the device, or take it out of isolated_disks')
    const what = `${gib(size)} GiB, ${rotational ? 'HDD' : 'SSD'}, ${guest === null ? 'free' : `of server ${guest}`}`
    return ok(name, what)
  })
}
