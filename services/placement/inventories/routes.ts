// /resource_providers/{uuid}/inventories: how much a provider has.
import type { Answer, Call } from '@kilonova/api/route'
import { fault } from '../faults.ts'
import type { Placement } from '../placement.ts'
import { requireClasses } from '../resource-classes/store.ts'
import { lockProvider, providerOf } from '../resource-providers/store.ts'
import { providerPath } from '../resource-providers/view.ts'
import { dated, route } from '../route.ts'
import type { InventoryRow } from '../schema/tables.ts'
import { checkedInventories } from './checked.ts'
import { PostInventory, PutInventories, PutInventory } from './schema.ts'
import type { Inventory } from './store.ts'
import { type Inventories, inventoriesOf, setInventories } from './store.ts'

type Asked = Pick<Call, 'at' | 'params'>

function inventoryView(row: InventoryRow): Inventory {
  const { total, reserved, min_unit, max_unit, step_size, allocation_ratio } = row
  return { total, reserved, min_unit, max_unit, step_size, allocation_ratio }
}

async function presentOf(placement: Placement, id: string): Promise<Inventories> {
  const rows = await inventoriesOf(placement, [id])
  return Object.fromEntries(rows.map((row) => [row.resource_class, inventoryView(row)]))
}

async function shownAll(placement: Placement, call: Asked): Promise<Answer> {
  const { id, generation, updated_at } = await providerOf(placement, call.params['uuid']!)
  const inventories = await presentOf(placement, id)
  const body = { inventories, resource_provider_generation: generation }
  return dated(placement, call, { body, changedAt: updated_at })
}

async function shownOne(placement: Placement, call: Asked, name: string, answer: object = {}): Promise<Answer> {
  const { id, generation, updated_at } = await providerOf(placement, call.params['uuid']!)
  const inventory = (await presentOf(placement, id))[name]
  if (!inventory) throw fault('InventoryNotFound', { provider: id, class: name })
  const body = { ...inventory, resource_provider_generation: generation }
  return dated(placement, call, { ...answer, body, changedAt: updated_at })
}

/** Changes the inventories to what `change` makes of those that are there. */
function changeInventories(
  placement: Placement,
  { id, generation }: { id: string; generation?: number | undefined },
  change: (present: Inventories) => Inventories,
): Promise<number> {
  return placement.store.transaction(async () => {
    await lockProvider(placement, id, generation)
    return setInventories(placement, id, change(await presentOf(placement, id)))
  })
}

export const inventoryRoutes = [
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/inventories',
    policy: 'placement:resource_providers:inventories:list',
    success: 200,
    handler: shownAll,
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/inventories',
    policy: 'placement:resource_providers:inventories:update',
    body: PutInventories,
    success: 200,
    handler: async (placement, call) => {
      const { inventories: asked, resource_provider_generation: generation } = call.body
      const { id } = await providerOf(placement, call.params['uuid']!)
      const inventories = checkedInventories(call, id, asked)
      await requireClasses(placement, Object.keys(inventories))
      await setInventories(placement, id, inventories, generation)
      return shownAll(placement, call)
    },
  }),
  route({
    method: 'POST',
    path: '/resource_providers/:uuid/inventories',
    once: true,
    policy: 'placement:resource_providers:inventories:create',
    body: PostInventory,
    success: 201,
    handler: async (placement, call) => {
      const { resource_class: name, resource_provider_generation: generation, ...asked } = call.body
      const { id } = await providerOf(placement, call.params['uuid']!)
      const added = checkedInventories(call, id, { [name]: asked })
      await requireClasses(placement, [name])
      await changeInventories(placement, { id, generation }, (present) => {
        if (name in present) throw fault('InventoryExists', { provider: id, class: name })
        return { ...present, ...added }
      })
      return shownOne(placement, call, name, {
        location: `${call.url.service}${providerPath(id)}/inventories/${name}`,
      })
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid/inventories',
    since: '1.5',
    policy: 'placement:resource_providers:inventories:delete',
    success: 204,
    handler: async (placement, { params }) => {
      await setInventories(placement, params['uuid']!, {})
    },
  }),
  route({
    method: 'GET',
    path: '/resource_providers/:uuid/inventories/:resource_class',
    policy: 'placement:resource_providers:inventories:show',
    success: 200,
    handler: (placement, call) => shownOne(placement, call, call.params['resource_class']!),
  }),
  route({
    method: 'PUT',
    path: '/resource_providers/:uuid/inventories/:resource_class',
    policy: 'placement:resource_providers:inventories:update',
    body: PutInventory,
    success: 200,
    handler: async (placement, call) => {
      const { resource_provider_generation: generation, ...asked } = call.body
      const name = call.params['resource_class']!
      const { id } = await providerOf(placement, call.params['uuid']!)
      const changed = checkedInventories(call, id, { [name]: asked })
      await changeInventories(placement, { id, generation }, (present) => {
        if (!(name in present))
          throw fault('BadRequest', { message: `No inventory record with resource class ${name}.` })
        return { ...present, ...changed }
      })
      return shownOne(placement, call, name)
    },
  }),
  route({
    method: 'DELETE',
    path: '/resource_providers/:uuid/inventories/:resource_class',
    policy: 'placement:resource_providers:inventories:delete',
    success: 204,
    handler: async (placement, { params }) => {
      const [id, name] = [params['uuid']!, params['resource_class']!]
      await changeInventories(placement, { id }, (present) => {
        if (!(name in present)) throw fault('InventoryNotFound', { provider: id, class: name })
        return Object.fromEntries(Object.entries(present).filter(([other]) => other !== name))
      })
    },
  }),
]
