// `audit`: everything that exists against what the records say.
import type { AuditReport } from '../operator/audit/finding.ts'
import { operatorClient } from '../operator/operator-client.ts'
import { StateDirectory } from '../state-directory.ts'
import { plain, tableLines } from './table.ts'

const FAILED = 1

export async function audit({ stateDir, json }: { stateDir: string; json?: boolean }): Promise<void> {
  const client = await operatorClient(new StateDirectory(stateDir))
  const report = await client.ask<AuditReport>({ path: '/kilonova/v1/audit' })
  process.stdout.write(
    json
      ? `${JSON.stringify(report)}\n`
      : auditLines(report)
          .map((line) => `${line}\n`)
          .join(''),
  )
  if (report.orphans.length + report.unchecked.length > 0) process.exitCode = FAILED
}

export function auditLines({ orphans, checked, unchecked }: AuditReport): string[] {
  const rows = orphans.map(({ kind, id, host = '-', why }) => [kind, id, host, why])
  const table = rows.length > 0 ? tableLines([['KIND', 'ID', 'HOST', 'WHY'], ...rows]) : []
  const missed = unchecked.map(({ what, why }) => `not looked at: ${plain(what)}: ${plain(why)}`)
  const total = Object.values(checked).reduce((sum, count) => sum + count, 0)
  const found = orphans.length === 0 ? 'no orphan' : `${orphans.length} ${orphans.length === 1 ? 'orphan' : 'orphans'}`
  const kinds = Object.keys(checked)
    .toSorted()
    .map((kind) => `${checked[kind]} ${kind}`)
  return [...table, ...missed, `${found} among ${total} things (${kinds.join(', ')})`]
}
