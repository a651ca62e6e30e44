import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { duration, plain, tableLines } from './table.ts'

describe('text for terminals', () => {
  it('sets cells in columns without trailing blanks', () => {
    assert.deepEqual(
      tableLines([
        ['ID', 'NAME', 'WHY'],
        ['1', 'long name', ''],
        ['22', 'b', 'because'],
      ]),
      ['ID  NAME       WHY', '1   long name', '22  b          because'],
    )
    assert.deepEqual(tableLines([]), [])
  })

  it('shows what could steer a terminal or turn its line round, and leaves other scripts alone', () => {
    assert.equal(plain('a\u001b[31mb\u202ec\nd'), 'a\\u001b[31mb\\u202ec\\u000ad')
    assert.equal(plain('żółw 日本 🙂'), 'żółw 日本 🙂')
    assert.equal(tableLines([['\u001b]0;x\u0007']])[0], '\\u001b]0;x\\u0007')
  })

  it('says durations in two units', () => {
    const cases: [number, string][] = [
      [0.0404, '40 ms'],
      [0.9996, '1 s'],
      [1.25, '1.3 s'],
      [9.96, '10 s'],
      [59.4, '59 s'],
      [60, '1 min 0 s'],
      [3599, '59 min 59 s'],
      [7800, '2 h 10 min'],
      [90_000, '1 d 1 h'],
    ]
    for (const [seconds, words] of cases) assert.equal(duration(seconds), words)
  })
})
