// The weighers that `weight_classes` may name; a multiplier of zero turns one off.
import type { MultiplierOption, Weigher, Weighted } from '../host-state.ts'
import { buildFailureWeigher } from './build-failure.ts'
import { ioOpsWeigher, numInstancesWeigher } from './busyness.ts'
import { cpuWeigher, diskWeigher, ramWeigher } from './free-resources.ts'
import { hypervisorVersionWeigher } from './hypervisor-version.ts'
import { imagePropertiesWeigher } from './image-properties.ts'
import { softAffinityWeigher, softAntiAffinityWeigher } from './soft-groups.ts'

const WEIGHERS = [
  ramWeigher,
  cpuWeigher,
  diskWeigher,
  hypervisorVersionWeigher,
  ioOpsWeigher,
  numInstancesWeigher,
  softAffinityWeigher,
  softAntiAffinityWeigher,
  buildFailureWeigher,
] satisfies Weigher[]

export interface WeigherOptions extends Readonly<Record<MultiplierOption, number>> {
  image_props_weight_setting: readonly string[]
}

/** Each with the multiplier that its option says. */
export function allWeighers(options: WeigherOptions): readonly Weighted[] {
  const weighers = [...WEIGHERS, imagePropertiesWeigher(options.image_props_weight_setting)]
  return weighers.map((weigher) => ({ weigher, multiplier: options[weigher.option] }))
}
