// The leak audit: everything that exists against what the records say. It only looks.
import type { Parts } from '../../parts.ts'
import { lookAtClaims } from './claims.ts'
import type { AuditReport, Finding, Looked } from './finding.ts'
import { lookAtGuests } from './guests.ts'
import { lookAtImages } from './images.ts'
import { lookAtNetworks } from './networks.ts'
import { lookAtOperations } from './operations.ts'
import { lookAtPorts } from './ports.ts'
import { auditedRecords } from './records.ts'
import { lookAtSnapshots } from './snapshots.ts'

/** Milliseconds between the two looks. */
const PAUSE = 1_000

/** Looks twice: what is being made or removed just now is no longer the same the second time. */
export async function audit(parts: Parts): Promise<AuditReport> {
  const first = await look(parts)
  if (first.orphans.length === 0) return first
  await parts.compute.clock.sleep(PAUSE)
  return confirmed(first, await look(parts))
}

/** Pure. The second look, without what the first did not see. */
export function confirmed(first: AuditReport, second: AuditReport): AuditReport {
  const seen = new Set(first.orphans.map(keyOf))
  return { ...second, orphans: second.orphans.filter((finding) => seen.has(keyOf(finding))) }
}

const keyOf = ({ kind, id, host }: Finding): string => JSON.stringify([kind, id, host ?? null])

async function look(parts: Parts): Promise<AuditReport> {
  const records = await auditedRecords(parts)
  const { compute, image, store } = parts
  return together([
    lookAtOperations(records, compute.clock.now()),
    await lookAtGuests(parts, records),
    await lookAtSnapshots(parts, records),
    await lookAtNetworks(parts, records),
    lookAtPorts(await compute.network.allPorts(), records),
    await lookAtClaims(compute.placement, records),
    await lookAtImages(image, store.kind === 'sqlite'),
  ])
}

function together(looked: readonly Looked[]): AuditReport {
  const checked: Record<string, number> = {}
  for (const { checked: some } of looked) {
    for (const [kind, count] of Object.entries(some)) checked[kind] = (checked[kind] ?? 0) + count
  }
  const orphans = looked.flatMap(({ findings }) => findings)
  orphans.sort((a, b) => a.kind.localeCompare(b.kind) || a.id.localeCompare(b.id))
  return { orphans, checked, unchecked: looked.flatMap(({ unchecked = [] }) => unchecked) }
}
