// Figures of a bench: several runs, their minimum, median and maximum, with the machine's load beside them.
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { systemClock } from '@kilonova/base/clock'

export interface Figure {
  name: string
  unit: 's' | 'ms' | '1/s' | 'MiB' | 'x'
  min: number
  median: number
  max: number
  runs: number
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const start = systemClock.monotonic()
  await work()
  return systemClock.monotonic() - start
}

export function figure(name: string, unit: Figure['unit'], values: readonly number[]): Figure {
  const sorted = values.toSorted((a, b) => a - b)
  const round = (value: number): number => Number(value.toPrecision(3))
  return {
    name,
    unit,
    min: round(sorted[0]!),
    median: round(sorted[Math.floor(sorted.length / 2)]!),
    max: round(sorted.at(-1)!),
    runs: values.length,
  }
}

/** Prints the figures as a table and as JSON, and keeps the JSON. */
export async function publish(bench: string, figures: Figure[]): Promise<void> {
  const load = loadavg().map((value) => Number(value.toFixed(1)))
  const rows = figures.map(({ name, unit, min, median, max, runs }) => [
    name,
    `${min}`,
    `${median}`,
    `${max}`,
    unit,
    `${runs}`,
  ])
  const table = [['figure', 'min', 'median', 'max', 'unit', 'runs'], ...rows]
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)))
  for (const row of table) process.stderr.write(`${row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}\n`)
  process.stderr.write(`load average ${load.join(', ')}\n`)
  const result = { bench, load, figures }
  process.stdout.write(`${JSON.stringify(result)}\n`)
  await writeAtomically(join(import.meta.dirname, 'results', `${bench}.json`), `${JSON.stringify(result, null, 2)}\n`)
}
