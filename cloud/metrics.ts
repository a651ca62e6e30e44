// What Prometheus is told: the process's own figures, and how long requests took.
import { collectDefaultMetrics, Histogram, Registry } from 'prom-client'

export type Metrics = ReturnType<typeof createMetrics>

export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry, prefix: 'kilonova_' })
  const durations = new Histogram({
    name: 'kilonova_http_request_duration_seconds',
    help: 'Seconds from the arrival of a request to its answer',
    labelNames: ['service', 'method', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [registry],
  })
  return { registry, durations }
}
