// /healthz: whether the cloud can serve, part by part; /metrics for Prometheus.
import type { Api } from '@kilonova/api/server'
import { systemClock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import type { Store } from '@kilonova/store/store'
import { sql } from 'kysely'
import type { Hosts } from './hosts.ts'
import type { Metrics } from './metrics.ts'
import type { Audits } from './operator/audit/audits.ts'

export interface HealthNeeds {
  store: Store
  hosts: Hosts
  audits: Audits
}

interface PartHealth {
  ok: boolean
  why?: string
}

async function storeHealth(store: Store): Promise<PartHealth> {
  try {
    await sql`select 1`.execute(store.as())
    return { ok: true }
  } catch (error) {
    return { ok: false, why: errorChain(error) }
  }
}

export function mountHealth({ fastify }: Api, { store, hosts, audits }: HealthNeeds): void {
  fastify.get('/healthz', async (_request, reply) => {
    const parts: Record<string, PartHealth> = { store: await storeHealth(store), ...hosts.health() }
    const able = parts['store']!.ok // a host that is down makes its servers wait, it does not silence the API
    return reply.code(able ? 200 : 503).send({ ok: able, parts })
  })
  let metrics: Promise<Metrics> | undefined
  const loaded = (): Promise<Metrics> => {
    metrics ??= import('./metrics.ts').then(({ createMetrics }) => createMetrics(audits))
    return metrics
  }
  const started = new WeakMap<object, number>()
  fastify.addHook('onRequest', async (request) => void started.set(request.raw, systemClock.monotonic()))
  fastify.addHook('onResponse', async (request, reply) => {
    if (reply.getHeader('content-type') === 'text/event-stream') return // as long as its reader likes
    const service = request.url.split('/')[1]?.split('?')[0] ?? ''
    const seconds = (systemClock.monotonic() - started.get(request.raw)!) / 1000
    const { durations } = await loaded() // with the first answer, not before it
    durations.observe({ service, method: request.method, status: String(reply.statusCode) }, seconds)
  })
  fastify.get('/metrics', async (_request, reply) => {
    const { registry } = await loaded()
    return reply.type(registry.contentType).send(await registry.metrics())
  })
}
