// Every error of placement that a caller may see. `kind` is placement's error code; empty for the default one.
import type { FaultTable } from '@kilonova/base/fault'
import { faultsOf } from '@kilonova/base/fault'

interface Named {
  name: string
}
interface OfProvider {
  provider: string
}
interface OfInventory extends OfProvider {
  class: string
}
interface Said {
  message: string
}
interface Short extends OfInventory {
  asked: number
  free: number
}

const badRequest = { status: 400, kind: '' } as const
const badValue = { status: 400, kind: 'placement.query.bad_value' } as const
const notFound = { status: 404, kind: '' } as const
const conflict = { status: 409, kind: '' } as const
const concurrent = { status: 409, kind: 'placement.concurrent_update' } as const

export const placementFaults = {
  BadRequest: { ...badRequest, say: ({ message }: Said) => message },
  BadQuery: { ...badValue, say: ({ message }: Said) => message },
  DuplicateQueryKey: {
    status: 400,
    kind: 'placement.query.duplicate_key',
    say: ({ name }: Named) => `The query parameter ${name} may be given only once.`,
  },
  MissingQueryValue: { status: 400, kind: 'placement.query.missing_value', say: ({ message }: Said) => message },
  ResourceProviderNotFound: {
    status: 404,
    kind: 'placement.resource_provider.not_found',
    say: ({ provider }: OfProvider) => `No resource provider with uuid ${provider} found`,
  },
  ParentNotFound: {
    ...badRequest,
    say: ({ provider }: OfProvider) =>
      `Unable to save resource provider: parent provider UUID '${provider}' does not exist.`,
  },
  ParentFixed: {
    ...badRequest,
    say: ({ provider }: OfProvider) =>
      `Unable to save resource provider ${provider}: re-parenting a provider is not currently allowed.`,
    mend: () => 'Ask with microversion 1.37 or newer.',
  },
  ParentLoop: {
    ...badRequest,
    say: ({ provider }: OfProvider) =>
      `Unable to save resource provider ${provider}: creating loop in the provider tree is not allowed.`,
  },
  ResourceProviderExists: {
    status: 409,
    kind: 'placement.duplicate_name',
    say: ({ what, value }: { what: 'name' | 'uuid'; value: string }) =>
      `Conflicting resource provider ${what}: ${value} already exists.`,
    mend: ({ value }: { value: string }) => `Delete the other provider ${value}, or choose another.`,
  },
  ResourceProviderInUse: {
    status: 409,
    kind: 'placement.resource_provider.inuse',
    say: ({ provider }: OfProvider) =>
      `Unable to delete resource provider ${provider}: Resource provider has allocations.`,
  },
  CannotDeleteParent: {
    status: 409,
    kind: 'placement.resource_provider.cannot_delete_parent',
    say: ({ provider }: OfProvider) =>
      `Unable to delete parent resource provider ${provider}: It has child resource providers.`,
  },
  ProviderGenerationConflict: {
    ...concurrent,
    say: ({ provider, expected, found }: OfProvider & { expected: number; found: number }) =>
      `resource provider generation conflict for provider ${provider}: actual: ${found}, given: ${expected}`,
    mend: () => 'Read it again and repeat the change.',
  },
  ConsumerGenerationConflict: {
    ...concurrent,
    say: ({ consumer, expected, found }: { consumer: string; expected: number | null; found: number | null }) =>
      `consumer generation conflict for ${consumer} - expected ${found} but got ${expected}`,
    mend: () => 'Read its allocations again and repeat the change.',
  },
  InventoryNotFound: {
    ...notFound,
    say: ({ provider, class: name }: OfInventory) => `No inventory of class ${name} for resource provider ${provider}`,
  },
  InventoryExists: {
    ...conflict,
    say: ({ provider, class: name }: OfInventory) =>
      `Update conflict: Inventory of ${name} on resource provider ${provider} already exists.`,
  },
  InventoryInUse: {
    status: 409,
    kind: 'placement.inventory.inuse',
    say: ({ provider, class: name }: OfInventory) =>
      `Inventory for '${name}' on resource provider '${provider}' in use.`,
  },
  InvalidInventory: {
    ...badRequest,
    say: ({ provider, class: name }: OfInventory) =>
      `Invalid inventory for '${name}' on resource provider '${provider}'. The reserved value is greater than total.`,
  },
  InvalidInventoryCapacity: {
    ...badRequest,
    say: ({ provider, class: name }: OfInventory) =>
      `Invalid inventory for '${name}' on resource provider '${provider}'. The reserved value is greater than or equal to total.`,
  },
  NoCapacity: {
    ...conflict,
    say: ({ provider, class: name, asked, free }: Short) =>
      `Unable to allocate inventory: Unable to create allocation for '${name}' on resource provider '${provider}'. The requested amount ${asked} would exceed the capacity: ${free} are free.`,
  },
  AmountRefused: {
    ...conflict,
    say: ({ provider, class: name, asked }: OfInventory & { asked: number }) =>
      `Unable to allocate inventory: Unable to create allocation for '${name}' on resource provider '${provider}'. The requested amount ${asked} would violate inventory constraints.`,
    mend: () => 'Ask for an amount between min_unit and max_unit that is a multiple of step_size.',
  },
  NoInventory: {
    ...conflict,
    say: ({ provider, class: name }: OfInventory) =>
      `Unable to allocate inventory: Inventory for '${name}' on resource provider '${provider}' invalid.`,
  },
  AllocationProviderUnknown: {
    ...badRequest,
    say: ({ provider }: OfProvider) => `Allocation for resource provider '${provider}' that does not exist.`,
  },
  AllocationsNotFound: {
    ...notFound,
    say: ({ consumer }: { consumer: string }) => `No allocations for consumer '${consumer}'`,
  },
  ResourceClassNotFound: { ...notFound, say: ({ name }: Named) => `No such resource class: ${name}` },
  ResourceClassUnknown: {
    ...badRequest,
    say: ({ names }: { names: string[] }) => `No such resource class: ${names.join(', ')}`,
  },
  ResourceClassExists: { ...conflict, say: ({ name }: Named) => `Conflicting resource class already exists: ${name}` },
  ResourceClassStandard: {
    ...badRequest,
    say: ({ name }: Named) => `Cannot change or delete the standard resource class ${name}`,
  },
  ResourceClassInUse: {
    ...conflict,
    say: ({ name }: Named) => `Error in delete resource class: resource class ${name} is in use in inventory.`,
  },
  TraitNotFound: { ...notFound, say: ({ name }: Named) => `No such trait(s): ${name}.` },
  TraitsUnknown: { ...badRequest, say: ({ names }: { names: string[] }) => `No such trait(s): ${names.join(', ')}.` },
  TraitStandard: { ...badRequest, say: ({ name }: Named) => `Cannot delete standard trait ${name}.` },
  TraitInUse: { ...conflict, say: ({ name }: Named) => `The trait ${name} is in use by a resource provider.` },
  CustomNameInvalid: {
    ...badRequest,
    say: ({ name }: Named) =>
      `The name ${name} is invalid. A custom name begins with CUSTOM_ and has only the letters A to Z, the numbers 0 to 9 and underscores, at most 255.`,
  },
} satisfies FaultTable

export const fault = faultsOf(placementFaults)
