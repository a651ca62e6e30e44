// `doctor`: looks at this host and at the cloud that runs here; one line each, with what mends what is wrong.

import type { Check } from '../operator/doctor/check.ts'
import { cloudChecks, portCheck } from '../operator/doctor/cloud-checks.ts'
import { diskChecks } from '../operator/doctor/disk-checks.ts'
import { networkChecks, packageCheck, rootCheck, stateChecks } from '../operator/doctor/host-checks.ts'
import { libvirtCheck, qemuCheck } from '../operator/doctor/hypervisor-checks.ts'
import type { RunningCloud } from '../running-cloud.ts'
import { findRunning } from '../running-cloud.ts'
import { readIfThere, StateDirectory } from '../state-directory.ts'
import { plain } from './table.ts'

const FAILED = 1

export async function doctor({ stateDir, json }: { stateDir: string; json?: boolean }): Promise<void> {
  const state = new StateDirectory(stateDir)
  const running = await findRunning(state)
  const checks: Check[] = []
  for await (const check of allChecks(state, running)) {
    checks.push(check)
    if (!json) process.stdout.write(`${checkLines(check).join('\n')}\n`)
  }
  const fine = checks.every((check) => check.state !== 'wrong')
  if (json) process.stdout.write(`${JSON.stringify({ ok: fine, checks })}\n`)
  if (!fine) process.exitCode = FAILED
}

async function* allChecks(state: StateDirectory, running: RunningCloud | undefined): AsyncGenerator<Check> {
  const real = running?.driver !== 'fake'
  yield rootCheck()
  if (real) {
    yield await packageCheck()
    yield* await networkChecks(await tagOf(state), running !== undefined)
    yield await libvirtCheck(state, running !== undefined)
    yield await qemuCheck(state)
    yield* await diskChecks(state)
  }
  yield* await stateChecks(state)
  if (running) yield* await cloudChecks(state, running)
  else {
    yield await portCheck()
    yield {
      name: 'cloud',
      state: 'ok',
      what: `none runs with ${state.path}; start one: ./kilonova up --detach`,
      mend: '',
    }
  }
}

/** Of the cloud that was made here; only looked at, never made. */
async function tagOf({ path }: StateDirectory): Promise<string> {
  const text = await readIfThere(`${path}/cloud.json`)
  return text === undefined ? '' : (JSON.parse(text) as { tag: string }).tag
}

const WORDS = { ok: 'ok', wrong: 'WRONG', unknown: 'unknown' }

export function checkLines({ name, state, what, mend }: Check): string[] {
  const line = `${WORDS[state].padEnd(7)} ${name}: ${plain(what)}`
  return state === 'ok' ? [line] : [line, `  mend: ${plain(mend)}`]
}
