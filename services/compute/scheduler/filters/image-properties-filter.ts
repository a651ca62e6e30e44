// The image's architecture, hypervisor type and mode are among those that the host supports.
import type { Filter } from '../host-state.ts'

const ALIASES: Record<string, string> = {
  amd64: 'x86_64',
  x64: 'x86_64',
  arm64: 'aarch64',
  i386: 'i686',
  i486: 'i686',
  i586: 'i686',
}
const WANTED = ['hw_architecture', 'img_hv_type', 'hw_vm_mode'] as const
const OLD_NAMES: Record<string, string> = {
  hw_architecture: 'architecture',
  img_hv_type: 'hypervisor_type',
  hw_vm_mode: 'vm_mode',
}

function wantedOf(properties: Record<string, string>): (string | undefined)[] {
  return WANTED.map((name) => {
    const value = (properties[name] ?? properties[OLD_NAMES[name]!])?.toLowerCase()
    return value === undefined ? undefined : (ALIASES[value] ?? value)
  })
}

export const imagePropertiesFilter: Filter = {
  name: 'ImagePropertiesFilter',
  runsOnRebuild: true,
  reads: ({ image }) => (image ? wantedOf(image.properties).join(' ') : null),
  judge(host, { image }) {
    const wanted = wantedOf(image?.properties ?? {})
    const fits = host.supportedInstances.some((supported) =>
      wanted.every((want, i) => want === undefined || want === supported[i]),
    )
    if (fits || wanted.every((want) => want === undefined)) return undefined
    return `it does not support ${wanted.filter((want) => want !== undefined).join(' ')} guests`
  },
}
