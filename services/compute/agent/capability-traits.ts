// What guests may be given on a host, as placement's traits.

import { diskBuses } from './disks/disk-mapping.ts'
import { imageFormats } from './disks/image-cache.ts'
import { VIDEO_MODELS, VIF_MODELS } from './guest-models.ts'

export interface HostAbilities {
  /** Architectures of guests, as libvirt names them. */
  architectures: readonly string[]
  /** Guests have a display. */
  display: boolean
}

/** Placement has no trait for these. */
const NAMELESS = ['COMPUTE_NET_VIF_MODEL_IGB']

/** Each is a standard trait. */
export function capabilityTraits({ architectures, display }: HostAbilities): string[] {
  const all = (prefix: string, names: readonly string[]) =>
    names.map((name) => `COMPUTE_${prefix}_${name.toUpperCase()}`)
  const traits = [
    'COMPUTE_DEVICE_TAGGING',
    'COMPUTE_FIRMWARE_BIOS',
    ...all(
      'ARCH',
      KNOWN_ARCHITECTURES.filter((name) => architectures.includes(name)),
    ),
    ...all('STORAGE_BUS', diskBuses),
    ...all('NET_VIF_MODEL', VIF_MODELS),
    ...all('GRAPHICS_MODEL', display ? VIDEO_MODELS : ['none']),
    ...all('IMAGE_TYPE', imageFormats),
  ]
  return traits.filter((trait) => !NAMELESS.includes(trait))
}

const KNOWN_ARCHITECTURES = ['x86_64', 'aarch64']
