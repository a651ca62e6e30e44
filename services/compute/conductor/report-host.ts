// A host's report: its service and node rows, and what placement may hand out there.
import type { InventoryInfo } from '@kilonova/placement/client'
import type { HostReport } from '../agent/conductor-protocol.ts'
import type { HostInventory } from '../agent/protocol.ts'
import { mirrorNode } from '../aggregates/mirror.ts'
import type { Compute } from '../compute.ts'
import { imagesTypeTrait } from '../disk-words.ts'
import { admitNode } from '../services/admit-node.ts'
import type { AllocationRatios } from '../services/allocation-ratios.ts'
import { allocationRatios } from '../services/allocation-ratios.ts'
import { DISABLED_TRAIT } from '../services/mark-disabled.ts'
import { reportNode } from '../services/report.ts'
import { releaseStaleClaims } from '../services/stale-claims.ts'
import { findService } from '../services/store.ts'
import { cpuTraits } from './cpu-traits.ts'
import { reportIsolatedDisks } from './isolated-disks.ts'
import { signOfLife } from './returned-host.ts'

/** `keepsGuests`: it was down, and is not taken for up before it has stopped what lives elsewhere now. */
export async function reportHost(compute: Compute, report: HostReport): Promise<{ keepsGuests: boolean }> {
  const { host, inventory } = report
  if (inventory) await admitNode(compute, { host, node: inventory.uuid })
  const serviceId = await signOfLife(compute, report)
  if (serviceId === undefined) return { keepsGuests: true }
  if (inventory) await keepInventory(compute, { serviceId, host, inventory })
  return { keepsGuests: false }
}

interface NodeReport {
  serviceId: string
  host: string
  inventory: HostInventory
}

async function keepInventory(compute: Compute, { serviceId, host, inventory }: NodeReport): Promise<void> {
  const ratios = allocationRatios(compute, await compute.placement.inventoriesOf(inventory.uuid))
  await reportNode(compute, { serviceId, host, inventory: { ...inventory, allocationRatios: ratios } })
  await reportToPlacement(compute, inventory, ratios)
  await reportTraits(compute, inventory, await isDisabled(compute, serviceId))
  await reportIsolatedDisks(compute, inventory)
  await mirrorNode(compute, host, inventory.uuid)
  await releaseStaleClaims(compute, inventory.uuid)
}

async function isDisabled(compute: Compute, serviceId: string): Promise<boolean> {
  const service = await findService(compute, serviceId)
  return service?.disabled === 1
}

async function reportToPlacement(
  { placement, options }: Compute,
  { uuid, hypervisorHostname, vcpus, memoryMb, localGb }: HostInventory,
  ratios: AllocationRatios,
): Promise<void> {
  const info = (name: keyof AllocationRatios, total: number, reserved: number): Required<InventoryInfo> => ({
    ...{ total, reserved, minUnit: 1, maxUnit: total, stepSize: 1 },
    allocationRatio: ratios[name],
  })
  await placement.ensureProvider({ id: uuid, name: hypervisorHostname })
  await placement.setInventories(uuid, {
    VCPU: info('VCPU', vcpus, options.reserved_host_cpus),
    MEMORY_MB: info('MEMORY_MB', memoryMb, options.reserved_host_memory_mb),
    DISK_GB: info('DISK_GB', localGb, Math.ceil(options.reserved_host_disk_mb / 1024)),
  })
}

/** What compute itself says of a node; other traits are the operator's, and stay. */
const OURS = /^(COMPUTE_|HW_CPU_X86_|OWNER_NOVA$|CUSTOM_IMAGES_TYPE_)/

async function reportTraits({ placement }: Compute, inventory: HostInventory, disabled: boolean): Promise<void> {
  const known = (await placement.summaries([inventory.uuid])).get(inventory.uuid)?.traits ?? []
  const status = disabled ? [DISABLED_TRAIT] : []
  const disks = (inventory.imagesTypes ?? []).map(imagesTypeTrait)
  const cpu = cpuTraits(inventory.cpuInfo.features)
  const own = ['COMPUTE_NODE', 'OWNER_NOVA', ...status, ...inventory.traits, ...disks, ...cpu]
  await placement.setTraits(inventory.uuid, [...new Set([...known.filter((trait) => !OURS.test(trait)), ...own])])
}
