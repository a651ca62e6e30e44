// @ts-check
// The process that starts programs. A fork copies its parent's page tables: a small process has few of them, while that
// of a whole cloud would do nothing else for as long. Orders come in, each one's end goes out. Plain JavaScript, as what
// reads TypeScript would take more memory than all the rest of it.
import { spawn } from 'node:child_process'

/** @import { CommandEnd, CommandOrder, CommandStart } from './command.ts' */

/** What ends a program under way, and whether it must not outlive the cloud.
 * @type {Map<number, { stop: AbortController, endsWithUs: boolean }>} */
const running = new Map()

/** @param {CommandEnd} end */
const tell = (end) => {
  if (running.delete(end.id)) process.send?.(end)
}

/** @param {NodeJS.ErrnoException} error */
const failureOf = ({ message, code }) => ({ message, errno: code })

/** @param {CommandStart} order */
function start({ id, file, args, input, endsWithUs, ...options }) {
  const stop = new AbortController()
  running.set(id, { stop, endsWithUs })
  const child = spawn(file, args, { ...options, stdio: 'pipe', killSignal: 'SIGKILL', signal: stop.signal })
  /** @type {{ out: Buffer[], err: Buffer[] }} */
  const said = { out: [], err: [] }
  const text = () => ({ stdout: Buffer.concat(said.out).toString(), stderr: Buffer.concat(said.err).toString() })
  child.stdout.on('data', (chunk) => said.out.push(chunk))
  child.stderr.on('data', (chunk) => said.err.push(chunk))
  child.stdin.on('error', () => undefined) // a program that does not read its input says so by its exit code
  child.on('error', (error) => tell({ id, failure: failureOf(error), ...text() }))
  child.on('close', (code, killedBy) => tell({ id, code, killedBy, ...text() }))
  child.stdin.end(input)
}

/** @param {CommandOrder} order */
function obey(order) {
  if ('stop' in order) return running.get(order.stop)?.stop.abort()
  try {
    start(order)
  } catch (error) {
    tell({ id: order.id, failure: failureOf(/** @type {Error} */ (error)), stdout: '', stderr: '' })
  }
}

process.on('message', obey)
process.on('disconnect', () => {
  for (const { stop, endsWithUs } of running.values()) if (endsWithUs) stop.abort()
  process.exit()
})
// A terminal's signals are its parent's to hear, which may have programs to run on its way out.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => undefined)
