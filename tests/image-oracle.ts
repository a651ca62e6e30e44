// What snapshots may leave: whole images, and nothing on hosts.
import { adminContext } from '@kilonova/base/context'
import { tables } from '@kilonova/compute/compute'
import type { ServerWorld } from './server-world.ts'

/** With those that are being deleted, which the image service shows to nobody. */
interface Images {
  images: { name: string | null; status: string }
}

/** No image waits for data, each shelved server has its image, and no host copies anything. */
export async function imageProblems(world: ServerWorld): Promise<string[]> {
  const { compute, hosts } = world
  const images = await compute.image.list(adminContext())
  const shelved = await tables(compute).selectFrom('compute_shelved_servers').selectAll().execute()
  const servers = await tables(compute)
    .selectFrom('compute_servers')
    .select(['id', 'vm_state'])
    .where('deleted_at', 'is', null)
    .where('vm_state', 'in', ['shelved', 'shelved_offloaded'])
    .execute()
  const rows = await compute.store.as<Images>().selectFrom('images').select(['name', 'status']).execute()
  const problems = rows
    .filter(({ status }) => status !== 'active')
    .map(({ name, status }) => `the image ${name} is ${status}`)
  const kept = new Set(shelved.map(({ image_id }) => image_id))
  for (const { id, name } of images) {
    if (name?.endsWith('-shelved') && !kept.has(id)) problems.push(`the image ${name} is of no shelved server`)
  }
  for (const { server_id: id, image_id: image } of shelved) {
    if (!servers.some((server) => server.id === id)) problems.push(`server ${id} has ${image} and is not shelved`)
    if (!images.some((one) => one.id === image)) problems.push(`server ${id} is shelved without its image`)
  }
  for (const { id } of servers) {
    if (!shelved.some(({ server_id }) => server_id === id)) problems.push(`server ${id} is shelved without an image`)
  }
  for (const { name, hypervisor, storage } of hosts) {
    const [begun, work] = await world.run(Promise.all([hypervisor.diskCopies.begun(), storage.work()]))
    problems.push(
      ...begun.map((id) => `${name} copies a disk of ${id}`),
      ...work.map((id) => `${name} has files of ${id}`),
    )
  }
  return problems
}
