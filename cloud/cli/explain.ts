// `explain`: why a server is in the state it is in, in words.

import { systemClock } from '@kilonova/base/clock'
import type { Explanation } from '@kilonova/compute/explain/explanation'
import { operatorClient } from '../operator/operator-client.ts'
import { StateDirectory } from '../state-directory.ts'
import { explanationLines } from './explanation-lines.ts'

export async function explain(server: string, { stateDir, json }: { stateDir: string; json?: boolean }): Promise<void> {
  const client = await operatorClient(new StateDirectory(stateDir))
  const told = await client.ask<Explanation>({ path: `/kilonova/v1/servers/${encodeURIComponent(server)}/explain` })
  const text = json ? JSON.stringify(told) : explanationLines(told, systemClock.now()).join('\n')
  process.stdout.write(`${text}\n`)
}
