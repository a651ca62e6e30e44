// /healthz: whether the cloud can serve, part by part; /metrics for Prometheus.
import type { Api } from '@kilonova/api/server'
import { systemClock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import type { Store } from '@kilonova/store/store'
import { sql } from 'kysely'
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import type { Hosts } from './hosts.ts'

export interface HealthNeeds {
  store: Store
  hosts: Hosts
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

export function mountHealth({ fastify }: Api, { store, hosts }: HealthNeeds): void {
  fastify.get('/healthz', async (_request, reply) => {
    const parts: Record<string, PartHealth> = { store: await storeHealth(store), ...hosts.health() }
    const able = parts['store']!.ok // a host that is down makes its servers wait, it does not silence the API
    return reply.code(able ? 200 : 503).send({ ok: able, parts })
  })
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'kilonova_' })
  const durations = new Histogram({
    name: 'kilonova_http_request_duration_seconds',
    help: 'Seconds from the arrival of a request to its answer',
    labelNames: ['service', 'method', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  const started = new WeakMap<object, number>()
  fastify.addHook('onRequest', async (request) => void started.set(request.raw, systemClock.monotonic()))
  fastify.addHook('onResponse', async (request, reply) => {
    const service = request.url.split('/')[1]?.split('?')[0] ?? ''
    const seconds = (systemClock.monotonic() - started.get(request.raw)!) / 1000
    durations.observe({ service, method: request.method, status: String(reply.statusCode) }, seconds)
  })
  fastify.get('/metrics', async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()))
}
