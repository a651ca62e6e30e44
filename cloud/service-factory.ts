// The services that can be started by the name of their binary: what each is, and which role of a process brings it.

import { nearest } from '@kilonova/base/options'
import { startConductor, startScheduler } from '@kilonova/compute/conductor/process'
import { fault } from './faults.ts'
import type { Hosts } from './hosts.ts'
import type { Parts } from './parts.ts'

export type Role = 'api' | 'conductor' | 'agent'

export interface ServiceNeeds {
  parts: Parts
  /** The name under which services of no compute host report. */
  host: string
  /** The compute hosts of this process. */
  hosts: Hosts
}

/** What is left of the time for what is under way, in milliseconds, is told to whoever ends it. */
export type EndService = (graceMs: number) => Promise<void>

interface Binary {
  role: Role
  start(needs: ServiceNeeds): Promise<EndService>
}

/** By the name that os-services shows. */
export const BINARIES = {
  'nova-conductor': { role: 'conductor', start: ({ parts, host }) => startConductor(parts.compute, host) },
  'nova-scheduler': { role: 'conductor', start: ({ parts, host }) => startScheduler(parts.compute, host) },
  'nova-compute': {
    role: 'agent',
    async start({ hosts }) {
      hosts.start()
      return (graceMs) => hosts.stop(graceMs)
    },
  },
} as const satisfies Record<string, Binary>

/** Starts the service of that name. Throws UnknownBinary. */
export function startService(binary: string, needs: ServiceNeeds): Promise<EndService> {
  const known = (BINARIES as Record<string, Binary>)[binary]
  if (!known) throw fault('UnknownBinary', { binary, nearest: nearest(binary, Object.keys(BINARIES)) })
  return known.start(needs)
}

/** The names of the services that a role brings, in the order in which they start. */
export function binariesOf(role: Role): string[] {
  return Object.entries(BINARIES).flatMap(([name, binary]) => (binary.role === role ? [name] : []))
}
