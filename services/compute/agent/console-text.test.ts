import assert from 'node:assert/strict'
import { it } from 'node:test'
import { consoleText } from './console-text.ts'

const LOG = Buffer.from('one\ntwo\nthree')

it('gives the last lines, all of them, or none', () => {
  const rows = [
    [null, 'one\ntwo\nthree'],
    [-1, 'one\ntwo\nthree'],
    [0, ''],
    [1, 'three'],
    [2, 'two\nthree'],
    [50, 'one\ntwo\nthree'],
  ] as const
  for (const [length, text] of rows) assert.equal(consoleText(LOG, length), text, String(length))
})

it('counts an empty last line, as Nova does', () => {
  assert.equal(consoleText(Buffer.from('one\ntwo\n'), 1), '')
  assert.equal(consoleText(Buffer.from('one\ntwo\n'), 2), 'two\n')
})

it('G12: holds nothing that steers a terminal, and only ASCII', () => {
  const hostile = Buffer.from('\x1b]0;title\x07\x1b[31mred\x1b[0m\ttab\r\n\x00\x9b31m größe \x7f')
  assert.equal(consoleText(hostile, null), ']0;title[31mred[0m\ttab\n??31m gr????e ?')
  assert.match(
    consoleText(
      Uint8Array.from({ length: 256 }, (_, i) => i),
      null,
    ),
    /^[\t\n\x20-\x7e]*$/,
  )
})
