// What Prometheus is told: the process's own figures, how long requests took, and what the last leak audit found.
import { collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Audits } from './operator/audit/audits.ts'

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics(audits: Pick<Audits, 'last'>) {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'kilonova_' })
  const durations = new Histogram({
    name: 'kilonova_http_request_duration_seconds',
    help: 'Seconds from the arrival of a request to its answer',
    labelNames: ['service', 'method', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  addAudit(registry, audits)
  return { registry, durations }
}

/** Nothing while there was no audit. */
function addAudit(registry: Registry, audits: Pick<Audits, 'last'>): void {
  new Gauge({
    name: 'kilonova_audit_orphans',
    help: 'Things without an owner in the records, by the last leak audit; kind "any" is all of them',
    labelNames: ['kind'],
    registers: [registry],
    collect() {
      this.reset()
      if (!audits.last) return
      const { orphans } = audits.last.report
      this.set({ kind: 'any' }, orphans.length)
      for (const [kind, found] of Map.groupBy(orphans, (orphan) => orphan.kind)) this.set({ kind }, found.length)
    },
  })
  new Gauge({
    name: 'kilonova_audit_timestamp_seconds',
    help: 'When the last leak audit ended, in seconds since 1970',
    registers: [registry],
    collect() {
      this.reset()
      if (audits.last) this.set(audits.last.at / 1000)
    },
  })
}
