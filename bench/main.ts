// `./kilonova bench [NAME]`: runs one bench, or all of them one after another.
import { spawn } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { nearest } from '@kilonova/base/options'

const NOT_BENCHES = ['clients.ts', 'clients-thread.ts', 'fake-cloud.ts', 'floor.ts', 'main.ts', 'measure.ts']
const WRONG_USAGE = 2

async function benches(): Promise<string[]> {
  const files = await readdir(import.meta.dirname)
  return files
    .filter((file) => file.endsWith('.ts') && !NOT_BENCHES.includes(file))
    .map((file) => file.replace(/\.ts$/, ''))
}

function runBench(name: string): Promise<number> {
  const child = spawn(process.execPath, [join(import.meta.dirname, `${name}.ts`)], { stdio: 'inherit' })
  return new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)))
}

const known = await benches()
const [asked] = process.argv.slice(2)
if (asked !== undefined && !known.includes(asked)) {
  process.stderr.write(
    `kilonova: there is no bench ${asked}; the nearest is ${nearest(asked, known)} (all: ${known.join(', ')})\n`,
  )
  process.exitCode = WRONG_USAGE
} else {
  for (const name of asked === undefined ? known : [asked]) process.exitCode ||= await runBench(name)
}
