// What an operator sees of a host: the figures of its hypervisor beside placement's, and whether it is up.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { until } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'
import { ServerWorld } from './server-world.ts'

interface Hypervisor {
  id: string
  vcpus_used: number
  memory_mb_used: number
  local_gb_used: number
  running_vms: number
  host_ip: string
  cpu_info: { arch: string }
}

const NEW = { 'openstack-api-version': 'compute 2.87' }
const PLACEMENT = { 'openstack-api-version': 'placement 1.36' }

describe('the figures of a host', () => {
  let fake: FakeCloud
  let server: string
  before(async () => {
    fake = await startFakeCloud()
  })
  after(() => fake?.stop())

  const hypervisor = async (): Promise<Hypervisor> => {
    const path = '/compute/v2.1/os-hypervisors/detail'
    const { hypervisors } = await fake.admin.ask<{ hypervisors: Hypervisor[] }>({ path, headers: NEW })
    return hypervisors[0]!
  }
  const used = async () => {
    const { vcpus_used, memory_mb_used, local_gb_used, running_vms } = await hypervisor()
    return [vcpus_used, memory_mb_used, local_gb_used, running_vms]
  }
  const placement = async <T>(path: string): Promise<T> =>
    fake.admin.ask<T>({ path: `/placement${path}`, headers: PLACEMENT })
  const usages = async (): Promise<Record<string, number>> => {
    const { id } = await hypervisor()
    return (await placement<{ usages: Record<string, number> }>(`/resource_providers/${id}/usages`)).usages
  }

  it('seed-8.5.6-1: without servers only what is reserved is used', async () => {
    assert.deepEqual(await used(), [0, 512, 0, 0])
    assert.deepEqual(await usages(), { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 })
    const { id, host_ip, cpu_info } = await hypervisor()
    const { inventories } = await placement<{ inventories: Record<string, { reserved: number }> }>(
      `/resource_providers/${id}/inventories`,
    )
    const reserved = Object.entries(inventories).map(([name, info]) => [name, info.reserved])
    assert.deepEqual(Object.fromEntries(reserved), { VCPU: 0, MEMORY_MB: 512, DISK_GB: 0 })
    assert.match(host_ip, /^\d+\.\d+\.\d+\.\d+$/)
    assert.equal(cpu_info.arch, 'x86_64')
  })

  it('seed-8.5.6-2: a server adds exactly its flavor, as soon as it is there and also when it is off', async () => {
    const flavor = { name: 'big', ram: 4096, vcpus: 2, disk: 20 }
    const made = await fake.admin.ask<{ flavor: { id: string } }>({
      method: 'POST',
      path: '/compute/v2.1/flavors',
      body: { flavor },
    })
    const id = await createServer(fake, { flavorRef: made.flavor.id })
    assert.equal((await settledServer(fake, id)).status, 'ACTIVE')
    const amounts = { VCPU: 2, MEMORY_MB: 4096, DISK_GB: 20 }
    const check = async (): Promise<void> => {
      assert.deepEqual(await used(), [2, 4608, 20, 1])
      assert.deepEqual(await usages(), amounts)
      const { allocations } = await placement<{ allocations: Record<string, { resources: object }> }>(
        `/allocations/${id}`,
      )
      assert.deepEqual(
        Object.values(allocations).map(({ resources }) => resources),
        [amounts],
      )
    }
    await check()
    await fake.demo.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body: { 'os-stop': null } })
    assert.equal((await settledServer(fake, id)).status, 'SHUTOFF')
    await check()
    server = id
  })

  it('seed-8.5.6-3: a shelved server that has left its host uses nothing there', async () => {
    const path = `/compute/v2.1/servers/${server}/action`
    await fake.demo.ask({ method: 'POST', path, body: { shelve: null } })
    const shelved = await until(300, async () => {
      const { status } = await settledServer(fake, server)
      return status === 'SHELVED_OFFLOADED' || undefined
    })
    assert.ok(shelved)
    assert.deepEqual(await used(), [0, 512, 0, 0])
    assert.deepEqual(await usages(), { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 })
  })
})

it('seed-8.5.6-3: a resized server counts on both hosts until it is confirmed', async () => {
  const fake = await startFakeCloud({ hosts: 2 })
  try {
    const flavor = async (name: string, vcpus: number, ram: number, disk: number): Promise<string> => {
      const body = { flavor: { name, vcpus, ram, disk } }
      const path = '/compute/v2.1/flavors'
      return (await fake.admin.ask<{ flavor: { id: string } }>({ method: 'POST', path, body })).flavor.id
    }
    const id = await createServer(fake, { flavorRef: await flavor('small', 1, 1024, 10) })
    const { 'OS-EXT-SRV-ATTR:host': source } = await asAdmin(fake, id)
    const act = async (body: object) => {
      await fake.demo.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body })
      return settledServer(fake, id)
    }
    const { status } = await act({ resize: { flavorRef: await flavor('large', 2, 2048, 20) } })
    assert.equal(status, 'VERIFY_RESIZE')
    const { 'OS-EXT-SRV-ATTR:host': dest } = await asAdmin(fake, id)
    assert.notEqual(dest, source)
    assert.deepEqual(await usedOf(fake), { [source]: [1, 1536, 10], [dest]: [2, 2560, 20] })
    assert.deepEqual(await claimsOf(fake), { [source]: { VCPU: 1, MEMORY_MB: 1024, DISK_GB: 10 }, [dest]: LARGE })
    await act({ confirmResize: null })
    assert.deepEqual(await usedOf(fake), { [source]: [0, 512, 0], [dest]: [2, 2560, 20] })
    assert.deepEqual(await claimsOf(fake), { [source]: { VCPU: 0, MEMORY_MB: 0, DISK_GB: 0 }, [dest]: LARGE })
  } finally {
    await fake.stop()
  }
})

const LARGE = { VCPU: 2, MEMORY_MB: 2048, DISK_GB: 20 }

async function asAdmin(fake: FakeCloud, id: string): Promise<{ 'OS-EXT-SRV-ATTR:host': string }> {
  await settledServer(fake, id)
  return (await fake.admin.ask<{ server: { 'OS-EXT-SRV-ATTR:host': string } }>({ path: `/compute/v2.1/servers/${id}` }))
    .server
}

interface ShownHost extends Hypervisor {
  hypervisor_hostname: string
}

async function hypervisorsOf({ admin }: FakeCloud): Promise<ShownHost[]> {
  const path = '/compute/v2.1/os-hypervisors/detail'
  return (await admin.ask<{ hypervisors: ShownHost[] }>({ path, headers: NEW })).hypervisors
}

/** By host: vcpus_used, memory_mb_used, local_gb_used. */
async function usedOf(fake: FakeCloud): Promise<Record<string, number[]>> {
  const figures = (await hypervisorsOf(fake)).map((one) => [
    one.hypervisor_hostname,
    [one.vcpus_used, one.memory_mb_used, one.local_gb_used],
  ])
  return Object.fromEntries(figures)
}

/** By host: what is claimed of it. */
async function claimsOf(fake: FakeCloud): Promise<Record<string, object>> {
  const claims: Record<string, object> = {}
  for (const { id, hypervisor_hostname: host } of await hypervisorsOf(fake)) {
    const path = `/placement/resource_providers/${id}/usages`
    claims[host] = (await fake.admin.ask<{ usages: object }>({ path, headers: PLACEMENT })).usages
  }
  return claims
}

it('seed-8.5.6-5: a host that no longer reports is down, gets no servers, and its servers show it', async () => {
  const world = await ServerWorld.open()
  try {
    await world.startTasks()
    const [first, second] = world.hosts
    const id = await world.build()
    assert.equal((await world.row(id)).host, first!.name)
    await first!.stop()
    await world.run(world.clock.sleep(2 * 3600_000 + 60_000)) // service_down_time in a world
    const shown = (await world.commands.show(id)) as unknown as { host_status: string }
    assert.equal(shown.host_status, 'UNKNOWN')
    const other = await world.build()
    assert.equal((await world.row(other)).host, second!.name)
    await world.run(first!.start())
    assert.equal(((await world.commands.show(id)) as unknown as { host_status: string }).host_status, 'UP')
  } finally {
    await world.close()
  }
})
