// Hosts whose servers have images like this one weigh more, so that licensed systems come together.
import { ConfigError } from '@kilonova/base/options'
import type { Weigher } from '../host-state.ts'

/** `name=weight` of each property that counts; all count once when there is none. Throws ConfigError. */
export function imagePropertiesWeigher(setting: readonly string[]) {
  const weights = new Map(setting.map((one) => weightOf(one)))
  return {
    name: 'ImagePropertiesWeigher',
    option: 'image_props_weight_multiplier',
    matters: ({ image }) => image !== null,
    weigh({ imageProperties = [] }, { image }) {
      const wanted = Object.entries(image?.properties ?? {})
      const weightFor = (name: string): number => (weights.size === 0 ? 1 : (weights.get(name) ?? 0))
      const alike = (other: Readonly<Record<string, string>>) =>
        wanted.reduce((sum, [name, value]) => sum + (other[name] === value ? weightFor(name) : 0), 0)
      return imageProperties.reduce((sum, other) => sum + alike(other), 0)
    },
  } as const satisfies Weigher
}

function weightOf(setting: string): [string, number] {
  const [, name, weight] = /^\s*([^\s=]+)\s*=\s*(-?\d+(?:\.\d+)?)\s*$/.exec(setting) ?? []
  if (name === undefined) {
    throw new ConfigError(`compute.image_props_weight_setting: ${setting} is not of the form name=weight`)
  }
  return [name, Number(weight)]
}
