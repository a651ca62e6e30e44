// /reshaper: moves inventories and what is used of them between providers, all of it or nothing.
import type { Call } from '@kilonova/api/route'
import type { Static } from '@kilonova/api/type'
import { checkedInventories } from '../inventories/checked.ts'
import { addInventories, type Inventories, setInventories } from '../inventories/store.ts'
import type { Placement } from '../placement.ts'
import { requireClasses } from '../resource-classes/store.ts'
import { lockProvider } from '../resource-providers/store.ts'
import { route } from '../route.ts'
import { consumptionOf } from './consumption.ts'
import { type Consumption, lockConsumers, replaceAllocations } from './replace.ts'
import { Reshape } from './schema.ts'

interface Reshaped {
  inventories: { id: string; generation: number | undefined; inventories: Inventories }[]
  consumptions: Consumption[]
}

// What is used may move while both the old and the new inventories are there; then the old ones go.
function reshape(placement: Placement, { inventories, consumptions }: Reshaped): Promise<void> {
  return placement.store.transaction(async () => {
    await lockConsumers(
      placement,
      consumptions.map(({ consumerId }) => consumerId),
    )
    for (const { id, generation, inventories: added } of inventories) {
      await lockProvider(placement, id, generation)
      await addInventories(placement, id, added)
    }
    await replaceAllocations(placement, consumptions)
    for (const { id, inventories: wanted } of inventories) await setInventories(placement, id, wanted)
  })
}

async function reshapedOf(placement: Placement, call: Call<Static<typeof Reshape>>): Promise<Reshaped> {
  const inventories = Object.entries(call.body.inventories).map(([id, asked]) => ({
    id,
    generation: asked.resource_provider_generation ?? undefined,
    inventories: checkedInventories(call, id, asked.inventories),
  }))
  await requireClasses(
    placement,
    inventories.flatMap((asked) => Object.keys(asked.inventories)),
  )
  const consumptions: Consumption[] = []
  for (const [id, consumer] of Object.entries(call.body.allocations)) {
    consumptions.push(await consumptionOf(placement, call, id, consumer))
  }
  return { inventories: inventories.toSorted((a, b) => (a.id < b.id ? -1 : 1)), consumptions }
}

export const reshaperRoutes = [
  route({
    method: 'POST',
    path: '/reshaper',
    since: '1.30',
    policy: 'placement:reshaper:reshape',
    body: Reshape,
    success: 204,
    handler: async (placement, call) => reshape(placement, await reshapedOf(placement, call)),
  }),
]
