// Everything that can be said of the code without running it: one line for each check, exit code 1 if any fails.
import { glob } from 'node:fs/promises'
import { basename, resolve } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'

export interface Check {
  name: string
  /** A script or program of Node, with its arguments. */
  args: string[]
}

const AT_ONCE = 2
const LIMIT_MS = 600_000

const CHECKS: Check[] = [
  { name: 'types', args: ['node_modules/typescript/bin/tsc', '--noEmit', '-p', '.'] },
  { name: 'biome', args: ['node_modules/@biomejs/biome/bin/biome', 'check', '--error-on-warnings', '.'] },
  { name: 'knip', args: ['node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints'] },
  { name: 'arrows', args: ['tools/check-arrows.ts'] },
  { name: 'sizes', args: ['tools/check-sizes.ts'] },
]

/** Runs the checks in `root`, two at once; writes a line for each, and what a failed one said. True when all pass. */
export async function performChecks(root: string, checks: Check[], write: (text: string) => void): Promise<boolean> {
  const queue = [...checks]
  let sound = true
  const work = async () => {
    for (let check = queue.shift(); check; check = queue.shift()) {
      if (!(await perform(root, check, write))) sound = false
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return sound
}

async function perform(root: string, { name, args }: Check, write: (text: string) => void): Promise<boolean> {
  const started = systemClock.monotonic()
  const accept = Array.from({ length: 256 }, (_, code) => code)
  const { code, stdout, stderr } = await run(process.execPath, args, { cwd: root, accept, timeout: LIMIT_MS })
  const seconds = ((systemClock.monotonic() - started) / 1000).toFixed(1)
  const said = code === 0 ? '' : `\n${stdout}${stderr}`.trimEnd().replaceAll('\n', '\n  ')
  write(`${code === 0 ? 'ok     ' : 'FAILED '}${name} (${seconds} s)${said}`)
  return code === 0
}

/** Files that tools/generate-*.ts write must be what those would write now. */
async function generated(root: string): Promise<Check[]> {
  const scripts = await Array.fromAsync(glob('tools/generate-*.ts', { cwd: root, exclude: ['**/*.test.ts'] }))
  return scripts.sort().map((script) => ({ name: basename(script, '.ts'), args: [script, '--check'] }))
}

if (import.meta.main) {
  const root = resolve(import.meta.dirname, '..')
  const sound = await performChecks(root, [...CHECKS, ...(await generated(root))], console.log)
  process.exitCode = sound ? 0 : 1
}
