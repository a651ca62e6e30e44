// Every route of every service, asked wrongly: whatever comes, the answer is no error of ours, and the cloud goes on.
// KILONOVA_TEST_SEED and KILONOVA_TEST_TIMES ask other requests, and more of them.
import assert from 'node:assert/strict'
import { after, before, it } from 'node:test'
import type { Route } from '@kilonova/api/route'
import { schemaAt, version, versionText } from '@kilonova/api/versions'
import { computeService } from '@kilonova/compute/service'
import { identityService } from '@kilonova/identity/service'
import type { FakeCloud } from './fake-cloud.ts'
import { createServer, settledServer, startFakeCloud } from './fake-cloud.ts'
import type { Schema, Things } from './wrong-requests.ts'
import { WrongRequest } from './wrong-requests.ts'

const SEED = Number(process.env['KILONOVA_TEST_SEED'] ?? 1)
const TIMES = Number(process.env['KILONOVA_TEST_TIMES'] ?? 5)
const [OLDEST, NEWEST] = [version('2.1'), version('2.104')]
const SERVERS = 4

/** Their things may be changed and removed without the caller's losing its token. */
const MADE = ['domain', 'project', 'user', 'group', 'role']
const LISTED: Record<string, readonly string[]> = {
  'network/v2.0': [
    ...['networks', 'ports', 'subnets', 'routers', 'floatingips', 'agents'],
    ...['security-groups', 'security-group-rules'],
  ],
  'identity/v3': ['services', 'endpoints', 'regions'],
}
const NAMED: Things = {
  ...{ traits: ['HW_CPU_X86_AVX', 'CUSTOM_X'], resource_classes: ['VCPU', 'CUSTOM_X'], 'os-aggregates': ['1', '2'] },
  ...{
    'os-keypairs': ['word'],
    'os-quota-sets': ['demo'],
    'os-quota-class-sets': ['default'],
    'os-simple-tenant-usage': ['demo'],
    tags: ['word'],
    metadata: ['word'],
  },
  ...{ 'os-extra_specs': ['word'], 'os-services': ['1', 'enable', 'disable'], 'os-hypervisors': ['1', 'fake-1'] },
}

interface Asked {
  service: string
  route: Pick<Route<never>, 'method' | 'path' | 'body' | 'query' | 'accepts'>
}

let fake: FakeCloud
let token: string
before(async () => {
  fake = await startFakeCloud({ hosts: 2 })
  token = await fake.token('admin')
})
after(() => fake?.stop())

function routesOf({ cloud: { parts } }: FakeCloud): Asked[] {
  const { identity, image, placement, network, compute } = parts
  const services = {
    ...{ identity: identityService(identity), image: image.api, placement: placement.api },
    ...{ network: network.api, compute: computeService(compute) },
  }
  const asked = Object.entries(services).flatMap(([service, { routes }]) =>
    routes.map((route) => ({ service, route: route as Asked['route'] })),
  )
  // The token itself stays, and what is removed is removed last.
  const kept = asked.filter(({ route: { method, path } }) => method !== 'DELETE' || !path.endsWith('/auth/tokens'))
  return kept.toSorted((a, b) => Number(a.route.method === 'DELETE') - Number(b.route.method === 'DELETE'))
}

async function thingsOf({ admin, ...rest }: FakeCloud): Promise<Things> {
  const servers = await Promise.all(Array.from({ length: SERVERS }, () => createServer({ admin, ...rest })))
  for (const server of servers) await settledServer(rest, server)
  const things: Record<string, readonly string[]> = { ...NAMED, servers, allocations: servers, images: [rest.image] }
  things['flavors'] = [rest.flavor]
  for (const [at, kinds] of Object.entries(LISTED)) {
    for (const kind of kinds) {
      const reply = await admin.ask<Record<string, { id: string }[]>>({ path: `/${at}/${kind}` })
      things[kind] = Object.values(reply)
        .find(Array.isArray)!
        .map(({ id }) => id)
    }
  }
  for (const kind of MADE) {
    const asked = { method: 'POST', path: `/identity/v3/${kind}s`, body: { [kind]: { name: 'word' } } } as const
    things[`${kind}s`] = Object.values(await admin.ask<Record<string, { id: string }>>(asked)).map(({ id }) => id)
  }
  const path = '/placement/resource_providers'
  const { resource_providers: providers } = await admin.ask<{ resource_providers: { uuid: string }[] }>({ path })
  return { ...things, resource_providers: providers.map(({ uuid }) => uuid) }
}

/** What was asked and answered, if that is an error of ours. */
async function wronglyAnswered(wrong: WrongRequest, { service, route }: Asked): Promise<string | undefined> {
  const at = wrong.chance(0.8) ? NEWEST : OLDEST
  const path = `/${service}${wrong.path(route.path)}${wrong.query(route.query as Schema | undefined)}`
  const hasNoBody = route.method === 'GET' || route.method === 'HEAD'
  const body = hasNoBody ? undefined : wrong.body(route.body && (schemaAt(route.body, at) as Schema))
  const reply = await fetch(`${fake.cloud.url}${path}`, {
    method: route.method,
    headers: {
      ...{ 'x-auth-token': token, 'openstack-api-version': `compute ${versionText(at)}, placement 1.39` },
      ...(body === undefined ? {} : { 'content-type': route.accepts?.[0] ?? 'application/json' }),
    },
    ...(body === undefined ? {} : { body }),
  })
  const endless = reply.headers.get('content-type')?.startsWith('text/event-stream')
  const answer = endless ? reply.body!.cancel() : reply.text()
  if (reply.status < 500 || reply.status === 501) return answer.then(() => undefined)
  return `${route.method} ${path.slice(0, 300)} ${body?.slice(0, 1500)}: ${reply.status} ${await answer}`
}

it('every route answers what is wrong without an error of its own', async () => {
  const things = await thingsOf(fake)
  const errors: string[] = []
  for (const [number, asked] of routesOf(fake).entries()) {
    for (let time = 0; time < TIMES; time++) {
      const wrong = new WrongRequest((SEED * 1000 + number) * 1000 + time, things)
      const error = await wronglyAnswered(wrong, asked)
      if (error !== undefined) errors.push(error)
    }
  }
  assert.deepEqual(errors, [])
  assert.equal(
    (await fetch(`${fake.cloud.url}/identity/v3/auth/projects`, { headers: { 'x-auth-token': token } })).status,
    200,
  )
})
