// What a server needs of placement: from its flavor, with the overrides of extra specs, and the traits of its image.
import type { GuestFlavor, GuestImage } from '../agent/guest-spec.ts'
import { IMAGES_TYPE_SPEC, imagesTypeTrait } from '../disk-words.ts'
import { ISOLATED_CLASS, isolatedRole } from '../isolated-role.ts'

export interface NeededGroup {
  /** '' for what several providers of a host's tree may serve together; of others each is served by one provider. */
  suffix: string
  resources: Record<string, number>
  required: string[]
  forbidden: string[]
}

export interface Needed {
  groups: NeededGroup[]
  groupPolicy: 'none' | 'isolate'
}

const SPEC = /^(resources|trait)([a-zA-Z0-9_-]{0,64}):(.+)$/
const IMAGE_TRAIT = /^trait:(.+)$/

/**
 * VCPU, MEMORY_MB (MB) and DISK_GB (GB, swap rounded up, without a disk that is a whole device); `resources:X=0` drops
 * a class. `resources1:X` and `trait1:X` are a group of their own. What disks are to be made as, by the flavor or
 * besides, the host must offer.
 */
export function neededResources(
  flavor: GuestFlavor,
  image: GuestImage | null,
  imagesTypes: readonly string[] = [],
): Needed {
  const required = [...traitsOf(image), ...diskTraits(flavor, imagesTypes)]
  const main: NeededGroup = { suffix: '', resources: ofFlavor(flavor), required, forbidden: [] }
  const groups = new Map([['', main]])
  for (const [key, value] of Object.entries(flavor.extraSpecs)) {
    const [, scope, suffix = '', name = ''] = SPEC.exec(key) ?? []
    if (scope === undefined) continue
    const group = groups.getOrInsertComputed(suffix, () => ({ suffix, resources: {}, required: [], forbidden: [] }))
    if (scope === 'resources') group.resources[name] = Number(value)
    else if (value === 'forbidden') group.forbidden.push(name)
    else if (!group.required.includes(name)) group.required.push(name)
  }
  const asked = [...groups.values()].map((group) => ({ ...group, resources: withoutZeros(group.resources) }))
  const groupPolicy = flavor.extraSpecs['group_policy'] === 'isolate' ? 'isolate' : 'none'
  return { groups: asked, groupPolicy }
}

/** The traits that any part of the host must have. */
export function requiredTraits(flavor: GuestFlavor, image: GuestImage | null): string[] {
  return neededResources(flavor, image).groups.flatMap(({ required }) => required)
}

function ofFlavor(flavor: GuestFlavor): Record<string, number> {
  const isolated = isolatedRole(flavor.extraSpecs)
  const root = isolated === 'root' ? 0 : flavor.rootGb
  const ephemeral = isolated === 'ephemeral' ? 0 : flavor.ephemeralGb
  const disk = root + ephemeral + Math.ceil(flavor.swapMb / 1024)
  const resources = { VCPU: flavor.vcpus, MEMORY_MB: flavor.memoryMb, DISK_GB: disk }
  return isolated ? { ...resources, [ISOLATED_CLASS]: 1 } : resources
}

function diskTraits({ extraSpecs }: GuestFlavor, imagesTypes: readonly string[]): string[] {
  const { [IMAGES_TYPE_SPEC]: usual } = extraSpecs
  const types = usual === undefined ? imagesTypes : [usual, ...imagesTypes]
  return [...new Set(types)].map(imagesTypeTrait)
}

function traitsOf(image: GuestImage | null): string[] {
  return Object.entries(image?.properties ?? {}).flatMap(([key, value]) => {
    const [, name] = IMAGE_TRAIT.exec(key) ?? []
    return name !== undefined && value === 'required' ? [name] : []
  })
}

const withoutZeros = (resources: Record<string, number>): Record<string, number> =>
  Object.fromEntries(Object.entries(resources).filter(([, amount]) => amount > 0))
