import assert from 'node:assert/strict'
import { test } from 'node:test'
import { optionsPage } from './options-page.ts'

test('each table is a section and each key a row, with its bounds and choices', () => {
  const page = optionsPage({
    second: { url: { type: 'string', default: 'sqlite:', help: 'a|b' } },
    first: {
      many: { type: 'integer', default: 3, min: 1, help: 'how many' },
      share: { type: 'number', default: 0.5, min: 0, max: 1, help: 'how much' },
      kind: { type: 'string', default: 'raw', choices: ['raw', 'qcow2'], help: 'which' },
      names: { type: 'list', default: ['x'], help: 'who' },
    },
  })
  const lines = page.split('\n')
  assert.ok(lines.indexOf('## [first]') < lines.indexOf('## [second]'))
  for (const row of [
    '| `many` | integer, from 1 | `3` | how many |',
    '| `share` | number, 0 to 1 | `0.5` | how much |',
    '| `kind` | `raw`, `qcow2` | `"raw"` | which |',
    '| `names` | list | `["x"]` | who |',
    '| `url` | string | `"sqlite:"` | a\\|b |',
  ]) {
    assert.ok(lines.includes(row), `${row} is missing in:\n${page}`)
  }
})
