import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { onBothStores } from '@kilonova/store/testing'
import { computeSchema } from '../schema/compute-schema.ts'
import type { ApiUnderTest, Setting } from '../testing-api.ts'
import { startApi } from '../testing-api.ts'
import { addHost, addServer } from '../testing-rows.ts'
import { hypervisorRoutes } from './routes.ts'
import { usedByHost } from './usage.ts'

type Host = Awaited<ReturnType<typeof addHost>>

async function withHosts(
  hosts: string[],
  work: (api: ApiUnderTest, hosts: Host[]) => Promise<void>,
  setting: Setting = {},
): Promise<void> {
  const api = await startApi(hypervisorRoutes, setting)
  try {
    const added: Host[] = []
    for (const host of hosts) added.push(await addHost(api.compute, host))
    await work(api, added)
  } finally {
    await api.close()
  }
}

const get = (api: ApiUnderTest, path: string, version = '2.104') =>
  api.ask(`GET /v2.1/os-hypervisors${path}`, { as: 'admin', version })

const EMPTY = {
  vcpus: 8,
  vcpus_used: 0,
  memory_mb: 8192,
  memory_mb_used: 512,
  free_ram_mb: 7680,
  local_gb: 100,
  local_gb_used: 0,
  free_disk_gb: 100,
  disk_available_least: 42,
  running_vms: 0,
  current_workload: 0,
}

test('the fields of a hypervisor by version', () =>
  withHosts(['h1'], async (api, [host]) => {
    const brief = { id: 1, hypervisor_hostname: 'h1', state: 'up', status: 'enabled' }
    const { cpu_info, ...rest } = (await get(api, '/1', '2.1')).body.hypervisor
    const oldest = {
      ...brief,
      ...EMPTY,
      hypervisor_type: rest.hypervisor_type,
      hypervisor_version: rest.hypervisor_version,
      host_ip: null,
      service: { id: 1, host: 'h1', disabled_reason: null },
    }
    assert.deepEqual(rest, oldest)
    const cpu = JSON.parse(cpu_info)
    assert.deepEqual(Object.keys(cpu).sort(), ['arch', 'features', 'model', 'topology', 'vendor'])
    assert.deepEqual((await get(api, '/1', '2.28')).body.hypervisor, { ...oldest, cpu_info: cpu })
    const named = { ...oldest, id: host!.nodeId, service: { ...oldest.service, id: host!.serviceId } }
    const byUuid = (await get(api, `/${host!.nodeId}`, '2.53')).body.hypervisor
    assert.deepEqual(byUuid, { ...named, cpu_info: cpu })

    const { hypervisor } = (await get(api, `/${host!.nodeId}`, '2.88')).body
    assert.deepEqual(hypervisor, {
      ...brief,
      id: host!.nodeId,
      hypervisor_type: named.hypervisor_type,
      hypervisor_version: named.hypervisor_version,
      host_ip: null,
      service: named.service,
      uptime: hypervisor.uptime,
    })
    assert.match(hypervisor.uptime, /load average/)
    assert.deepEqual((await get(api, '', '2.1')).body, { hypervisors: [brief] })
    assert.deepEqual((await get(api, '/detail', '2.88')).body, { hypervisors: [hypervisor] })
    assert.equal((await api.ask('GET /v2.1/os-hypervisors')).status, 403)
  }))

onBothStores('what is used of a host', (open) => {
  test('is the sum over its servers, stopped ones too, with what is reserved', async () => {
    const toml = '[compute]\nreserved_host_disk_mb = 1025\nreserved_host_cpus = 1'
    await withHosts(
      ['h1', 'h2'],
      async (api) => {
        await addServer(api.compute, { host: 'h1', vm_state: 'stopped' })
        await addServer(api.compute, { host: 'h1', task_state: 'rebooting' }, { vcpus: 1, memoryMb: 64, swapMb: 0 })
        await addServer(api.compute, { host: 'h1', deleted_at: 1 })
        await addServer(api.compute, {})
        assert.deepEqual((await usedByHost(api.compute)).get('h1'), {
          servers: 2,
          workload: 1,
          ioOps: 0,
          vcpus: 3,
          memoryMb: 4160,
          diskGb: 43,
        })
        const [first, second] = (await get(api, '/detail', '2.87')).body.hypervisors
        const expected = {
          vcpus_used: 4,
          memory_mb_used: 4672,
          free_ram_mb: 3520,
          local_gb_used: 45,
          free_disk_gb: 55,
          running_vms: 2,
          current_workload: 1,
        }
        for (const [name, figure] of Object.entries(expected)) assert.equal(first[name], figure, name)
        assert.equal(second.local_gb_used, 2)
        const { hypervisor_statistics: sums } = (await get(api, '/statistics', '2.87')).body
        assert.deepEqual(sums, {
          count: 2,
          vcpus: 16,
          vcpus_used: 5,
          memory_mb: 16384,
          memory_mb_used: 5184,
          free_ram_mb: 11200,
          local_gb: 200,
          local_gb_used: 47,
          free_disk_gb: 153,
          disk_available_least: 84,
          running_vms: 2,
          current_workload: 1,
        })
      },
      { toml, store: await open(computeSchema) },
    )
  })
})

test('statistics are over enabled hosts, and nothing but zeros without hosts', () =>
  withHosts(['h1'], async (api) => {
    const services = api.compute.store.as<{ compute_services: { disabled: number } }>().updateTable('compute_services')
    await services.set({ disabled: 1 }).execute()
    const { hypervisor_statistics: sums } = (await get(api, '/statistics', '2.1')).body
    assert.deepEqual(new Set(Object.values(sums)), new Set([0]))
    assert.equal((await get(api, '', '2.1')).body.hypervisors[0].status, 'disabled')
    assert.equal((await get(api, '/statistics', '2.88')).status, 404)
  }))

test('a host that does not report is down and has no uptime', () =>
  withHosts(['h1'], async (api, [host]) => {
    assert.match((await get(api, '/1/uptime', '2.52')).body.hypervisor.uptime, /load average/)
    await api.clock.advance(60_001)
    assert.equal((await get(api, '', '2.1')).body.hypervisors[0].state, 'down')
    assert.equal((await get(api, `/${host!.nodeId}`)).body.hypervisor.uptime, null)
    const uptime = await get(api, `/${host!.nodeId}/uptime`, '2.87')
    assert.equal(uptime.body.badRequest.message, 'Compute service of h1 is unavailable at this time.')
    assert.equal((await get(api, `/${host!.nodeId}/uptime`, '2.88')).status, 404)
  }))

describe('servers on hypervisors', () => {
  test('up to 2.52 by a pattern in the path', () =>
    withHosts(['h1', 'h2'], async (api) => {
      const server = await addServer(api.compute, { host: 'h2' })
      const brief = (id: number) => ({ id, hypervisor_hostname: `h${id}`, state: 'up', status: 'enabled' })
      assert.deepEqual((await get(api, '/h/search', '2.52')).body, { hypervisors: [brief(1), brief(2)] })
      const servers = [{ name: 'instance-00000001', uuid: server.id }]
      assert.deepEqual((await get(api, '/h/servers', '2.52')).body, {
        hypervisors: [brief(1), { ...brief(2), servers }],
      })
      const missing = { itemNotFound: { code: 404, message: "No hypervisor matching 'x' could be found." } }
      assert.deepEqual((await get(api, '/x/search', '2.52')).body, missing)
      assert.deepEqual((await get(api, '/x/servers', '2.52')).body, missing)
      assert.equal((await get(api, '/h/search', '2.53')).status, 404)
    }))

  test('from 2.53 on by query', () =>
    withHosts(['h1', 'h2'], async (api, [, host]) => {
      const server = await addServer(api.compute, { host: 'h2' })
      const servers = [{ name: 'instance-00000001', uuid: server.id }]
      const of = (path: string, version: string) => get(api, path, version).then(({ body }) => body.hypervisors)
      const [empty, full] = await of('?with_servers=true', '2.53')
      assert.equal('servers' in empty, false)
      assert.deepEqual(full.servers, servers)
      assert.deepEqual((await of('/detail?with_servers=1', '2.75'))[0].servers, [])
      assert.equal('servers' in (await of('', '2.75'))[0], false)
      const shown = await get(api, `/${host!.nodeId}?with_servers=True`, '2.53')
      assert.deepEqual(shown.body.hypervisor.servers, servers)
      assert.deepEqual((await of('?hypervisor_hostname_pattern=2', '2.53')).length, 1)
      const missing = await get(api, '?hypervisor_hostname_pattern=x', '2.53')
      assert.equal(missing.body.itemNotFound.message, "No hypervisor matching 'x' could be found.")
      const paged = await get(api, '?hypervisor_hostname_pattern=h&limit=1', '2.53')
      assert.match(paged.body.badRequest.message, /^Paging over hypervisors with the/)
    }))
})

test('lists page from 2.33 on, by number and later by uuid', () =>
  withHosts(['h1', 'h2', 'h3'], async (api) => {
    for (const version of ['2.33', '2.53', '2.88']) {
      let path: string | undefined = '/detail?limit=2'
      const seen: string[] = []
      while (path) {
        const { body } = await get(api, path, version)
        seen.push(body.hypervisors.map((shown: { hypervisor_hostname: string }) => shown.hypervisor_hostname).join())
        path = body.hypervisors_links?.[0].href.split('os-hypervisors')[1]
      }
      assert.deepEqual(seen, ['h1,h2', 'h3'], version)
    }
    assert.equal((await get(api, '?limit=2', '2.32')).body.hypervisors.length, 3)
    assert.equal((await get(api, '?marker=9', '2.33')).body.badRequest.message, 'marker [9] not found')
    assert.equal((await get(api, '?colour=red', '2.53')).status, 400)
  }))

test('ids are numbers before 2.53 and uuids after', () =>
  withHosts(['h1'], async (api, [host]) => {
    assert.equal((await get(api, '/1', '2.53')).body.badRequest.message, 'Invalid uuid 1')
    const before = await get(api, `/${host!.nodeId}`, '2.52')
    assert.equal(before.body.itemNotFound.message, `Hypervisor with ID '${host!.nodeId}' could not be found.`)
    const unknown = '00000000-0000-0000-0000-000000000000'
    assert.equal((await get(api, `/${unknown}`)).status, 404)
  }))
