// The pages of docs/modify name files, functions and links that there are.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { it } from 'node:test'

const ROOT = join(import.meta.dirname, '../..')
const PAGES = join(ROOT, 'docs/modify')
const PATH = /`((?:packages|services|plugins|cloud|tests|tools|docs)\/[\w./-]*)`/g
const LINK = /\]\(([\w./-]+)\)/g
const NAMED = /`(\w+)`(?: and `(\w+)`)? in `([\w./-]+\.ts)`/g

const declares = (source: string, name: string): boolean =>
  new RegExp(`\\b(function|interface|class|const) ${name}\\b|^\\s*${name}:`, 'm').test(source)

for (const page of await readdir(PAGES, { withFileTypes: true })) {
  if (!page.isFile()) continue
  it(`${page.name} names what there is`, async () => {
    const text = await readFile(join(PAGES, page.name), 'utf8')
    for (const [, path = ''] of text.matchAll(PATH)) assert.ok(existsSync(join(ROOT, path)), path)
    for (const [, link = ''] of text.matchAll(LINK)) assert.ok(existsSync(join(PAGES, link)), link)
    for (const [, ...found] of text.matchAll(NAMED)) {
      const source = await readFile(join(ROOT, found.pop()!), 'utf8')
      for (const name of found) assert.ok(name === undefined || declares(source, name), name)
    }
  })
}
