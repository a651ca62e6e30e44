// `up --detach`: the cloud as a process of its own, whose start is waited for.
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import type { FaultOnWire } from '@kilonova/base/fault'
import { errorChain, Fault, isFault } from '@kilonova/base/fault'
import { fault } from '../faults.ts'
import { findRunning } from '../running-cloud.ts'
import { StateDirectory } from '../state-directory.ts'
import type { UpOptions } from './up.ts'

const MARK = 'KILONOVA_DETACHED'

type Message = { ready: string } | { failed: FaultOnWire | string }

/** True in the process that a `--detach` has started. */
export function isDetached(): boolean {
  return process.env[MARK] === '1'
}

/** Tells the command that started this process how the start went, then lets go of it. */
export function tellParent(told: { ready: string } | { failed: unknown }): void {
  if (!process.send) return
  const message: Message =
    'ready' in told ? told : { failed: isFault(told.failed) ? told.failed.toWire() : errorChain(told.failed) }
  process.send(message, () => process.disconnect?.())
}

/** Starts the cloud and returns its url once it answers. Throws what its start threw. */
export async function launch(options: UpOptions): Promise<string> {
  const state = new StateDirectory(options.stateDir)
  mkdirSync(state.path, { recursive: true, mode: 0o711 })
  const output = openSync(join(state.path, 'kilonova.out'), 'a', 0o600)
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...argumentsOf(options)], {
    detached: true,
    cwd: '/',
    env: { ...process.env, [MARK]: '1' },
    stdio: ['ignore', output, output, 'ipc'],
  })
  closeSync(output)
  return new Promise((resolve, reject) => {
    child.on('message', (message: Message) => {
      if ('ready' in message) {
        child.unref()
        resolve(message.ready)
      } else reject(asError(message.failed, state))
    })
    child.on('error', (error) => reject(fault('DidNotStart', { why: error.message, log: state.log }, error)))
    child.on('exit', (code, signal) =>
      reject(
        fault('DidNotStart', {
          why: `its process ended with ${signal ?? `code ${code}`}`,
          log: `${state.path}/kilonova.out`,
        }),
      ),
    )
  })
}

function asError(failed: FaultOnWire | string, state: StateDirectory): Error {
  return typeof failed === 'string' ? fault('DidNotStart', { why: failed, log: state.log }) : new Fault(failed)
}

function argumentsOf({ stateDir, port, listen, config, driver, fakeHosts, roles, memory }: UpOptions): string[] {
  const named = ['--state-dir', stateDir, '--port', String(port), '--listen', listen, '--driver', driver]
  const rest = [...(config === undefined ? [] : ['--config', config]), ...(memory ? ['--memory'] : [])]
  return ['up', ...named, '--fake-hosts', String(fakeHosts), '--roles', roles, ...rest]
}

/** The command: starts the cloud, or says that it runs already. */
export async function detach(options: UpOptions): Promise<void> {
  const running = await findRunning(new StateDirectory(options.stateDir))
  const url = running?.url ?? (await launch(options))
  process.stdout.write(`Kilonova ${running ? 'runs already and' : ''} answers on ${url}\n`.replace('  ', ' '))
}
