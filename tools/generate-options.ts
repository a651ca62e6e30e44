// Writes docs/operate/options.md from the option tables; with --check, only says whether the file is as it should be.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { optionTables } from '@kilonova/cloud/config'
import { optionsPage } from './options-page.ts'

const path = resolve(import.meta.dirname, '../docs/operate/options.md')
const page = optionsPage(optionTables)

if (!process.argv.includes('--check')) await writeAtomically(path, page)
else if ((await readFile(path, 'utf8').catch(() => '')) !== page) {
  console.error('docs/operate/options.md is out of step; run: ./kilonova node tools/generate-options.ts')
  process.exitCode = 1
}
