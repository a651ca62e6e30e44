// What a server needs of placement: from its flavor, with the overrides of extra specs.
import type { GuestFlavor } from '../agent/guest-spec.ts'

export interface NeededResources {
  resources: Record<string, number>
  required: string[]
  forbidden: string[]
}

/** VCPU, MEMORY_MB (MB) and DISK_GB (GB, swap rounded up); `resources:X=0` drops a class. */
export function neededResources(flavor: GuestFlavor): NeededResources {
  const disk = flavor.rootGb + flavor.ephemeralGb + Math.ceil(flavor.swapMb / 1024)
  const resources: Record<string, number> = { VCPU: flavor.vcpus, MEMORY_MB: flavor.memoryMb, DISK_GB: disk }
  const required: string[] = []
  const forbidden: string[] = []
  for (const [key, value] of Object.entries(flavor.extraSpecs)) {
    const [scope, name = ''] = key.split(':')
    if (scope === 'resources') resources[name] = Number(value)
    if (scope === 'trait') (value === 'forbidden' ? forbidden : required).push(name)
  }
  const asked = Object.entries(resources).filter(([, amount]) => amount > 0)
  return { resources: Object.fromEntries(asked), required, forbidden }
}
