// FlavorPayload, and the notifications flavor.create, flavor.update and flavor.delete.
import type { NovaObject } from './nova-object.ts'
import { novaObject } from './nova-object.ts'
import type { FlavorFacts } from './server-facts.ts'

/** `projects` is told when the access to the flavor is what it is about; null: not looked up. */
export function flavorPayload(flavor: FlavorFacts, projects: readonly string[] | null = null): NovaObject {
  return novaObject('FlavorPayload', '1.4', {
    flavorid: flavor.id,
    name: flavor.name,
    memory_mb: flavor.memoryMb,
    vcpus: flavor.vcpus,
    root_gb: flavor.rootGb,
    ephemeral_gb: flavor.ephemeralGb,
    swap: flavor.swapMb,
    rxtx_factor: flavor.rxtxFactor,
    vcpu_weight: 0,
    disabled: flavor.disabled,
    is_public: flavor.isPublic,
    extra_specs: flavor.extraSpecs,
    projects,
    description: flavor.description,
  })
}
