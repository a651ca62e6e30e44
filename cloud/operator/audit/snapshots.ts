// Files of snapshots on the hosts, against the tasks that make them.
import { errorChain, isFault } from '@kilonova/base/fault'
import type { ComputeAgent } from '@kilonova/compute/agent/protocol'
import { computeTopic } from '@kilonova/compute/agent/protocol'
import type { Parts } from '../../parts.ts'
import type { Finding, Looked } from './finding.ts'
import type { AuditedRecords } from './records.ts'

/** Milliseconds that a host has to answer. */
const PATIENCE = { timeout: 30_000 }

export async function lookAtSnapshots({ bus }: Pick<Parts, 'bus'>, records: AuditedRecords): Promise<Looked> {
  const looked: Required<Looked> = { checked: { 'snapshot-files': 0 }, findings: [], unchecked: [] }
  for (const { host } of records.hosts) {
    try {
      const ids = await bus.remote<ComputeAgent>(computeTopic(host)).storedSnapshots(undefined, PATIENCE)
      looked.checked['snapshot-files']! += ids.length
      looked.findings.push(...compareSnapshots(host, ids, records))
    } catch (error) {
      if (!isFault(error)) throw error
      looked.unchecked.push({ what: `snapshots of ${host}`, why: errorChain(error) })
    }
  }
  return looked
}

/** Pure. A stuck task's files are still its own. */
export function compareSnapshots(host: string, ids: readonly string[], { tasks }: AuditedRecords): Finding[] {
  const wanted = JSON.stringify(tasks.map(({ input }) => input))
  return ids
    .filter((id) => !wanted.includes(id))
    .map((id) => ({ kind: 'snapshot-files', id, host, why: 'no task makes a snapshot for this image' }))
}
