// Writes docs/operate/server-states.md from the table of actions; with --check, only says whether it is as it should be.
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { actions } from '@kilonova/compute/servers/actions'
import { serverStatesPage } from './server-states-page.ts'

const path = resolve(import.meta.dirname, '../docs/operate/server-states.md')
const page = serverStatesPage(actions)

if (!process.argv.includes('--check')) await writeAtomically(path, page)
else if ((await readFile(path, 'utf8').catch(() => '')) !== page) {
  console.error('docs/operate/server-states.md is out of step; run: ./kilonova node tools/generate-server-states.ts')
  process.exitCode = 1
}
