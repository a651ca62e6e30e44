import assert from 'node:assert/strict'
import { test } from 'node:test'
import { importsOf } from './imports.ts'

const cases: [text: string, found: [specifier: string, typesOnly: boolean, line: number][]][] = [
  ["import a from './a.ts'", [['./a.ts', false, 1]]],
  ["\n\nimport { a, b as c } from '@x/y/z'", [['@x/y/z', false, 3]]],
  ["import {\n  a,\n  type B,\n} from './a.ts'", [['./a.ts', false, 1]]],
  ["import type { A } from './a.ts'", [['./a.ts', true, 1]]],
  ["import './effect.ts'", [['./effect.ts', false, 1]]],
  ["import * as a from './a.ts'", [['./a.ts', false, 1]]],
  ["export { a } from './a.ts'", [['./a.ts', false, 1]]],
  ["export * from './a.ts'", [['./a.ts', false, 1]]],
  ["export type { A } from './a.ts'", [['./a.ts', true, 1]]],
  ["const a = await import('./a.ts')", [['./a.ts', false, 1]]],
  ["// import a from './a.ts'\n * import b from './b.ts'\n// import('./c.ts')", []],
  ["export const a = 'from'\nexport function f() { return 'x' }", []],
  ["const text = 'import a from ./a.ts'", []],
  ['const text = "await import(\'./a.ts\')"', []],
  [
    "import a from './a.ts'\nimport type { B } from './b.ts'\nexport const c = 'd'",
    [
      ['./a.ts', false, 1],
      ['./b.ts', true, 2],
    ],
  ],
]

for (const [text, found] of cases) {
  test(`finds ${found.length} imports in ${JSON.stringify(text)}`, () => {
    assert.deepEqual(
      importsOf(text),
      found.map(([specifier, typesOnly, line]) => ({ specifier, typesOnly, line })),
    )
  })
}
