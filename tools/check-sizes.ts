// Fails on files that are too long. (Long functions are Biome's noExcessiveLinesPerFunction.)
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { sourceFiles } from './imports.ts'

export const MOST_LINES = 500

/** Tables, schemas and tests may be as long as what they list. */
const EXCEPTED = [
  /\.test\.ts$/,
  /-contract\.ts$/,
  /\/procedures\//,
  /\/schema\.ts$/,
  /\/\d{4}-[^/]+\.ts$/,
  /options\.ts$/,
]

/** Sentences about files that are too long; empty when there is none. */
export async function checkSizes(root: string): Promise<string[]> {
  const files = (await sourceFiles(root)).filter((file) => !EXCEPTED.some((exception) => exception.test(file)))
  const sizes = await Promise.all(files.map((file) => linesOf(join(root, file))))
  return files.flatMap((file, index) =>
    sizes[index]! > MOST_LINES ? [`${file} has ${sizes[index]} lines; at most ${MOST_LINES} are allowed`] : [],
  )
}

async function linesOf(path: string): Promise<number> {
  const text = await readFile(path, 'utf8')
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0)
}

if (import.meta.main) {
  const problems = await checkSizes(resolve(import.meta.dirname, '..'))
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length > 0 ? 1 : 0
}
