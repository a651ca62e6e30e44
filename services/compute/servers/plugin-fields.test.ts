import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Type } from '@kilonova/api/type'
import type { JsonSchema } from '@kilonova/api/versions'
import { schemaAt, since, until, version } from '@kilonova/api/versions'
import type { Compute } from '../compute.ts'
import type { ActivePlugin } from '../plugin.ts'
import { computeService } from '../service.ts'
import { createServerWith } from './plugin-fields.ts'
import { CreateServer } from './schema.ts'

const bodyOf = (plugins?: readonly ActivePlugin[]): unknown => {
  const { routes } = computeService({ plugins } as unknown as Compute)
  return routes.find(({ method, path }) => method === 'POST' && path === '/v2.1/servers')!.body
}

const O = Type.Optional
const plugin: ActivePlugin = {
  name: 'x',
  serverCreate: {
    fields: { 'x:a': O(Type.String(since('2.50'))), 'x:b': O(Type.String(until('2.60'))) },
    networkFields: { c: O(Type.Integer(since('2.37'))) },
    act: () => undefined,
  },
}

describe('the body of POST /servers with the fields of plug-ins', () => {
  it('is the very same without plug-ins, and after some were there', () => {
    const before = JSON.stringify(CreateServer)
    const plain: ActivePlugin = { name: 'y', serverCreate: { act: () => undefined } }
    for (const plugins of [undefined, [], [plain]]) assert.equal(bodyOf(plugins), CreateServer)
    assert.notEqual(bodyOf([plugin]), CreateServer)
    assert.equal(bodyOf([]), CreateServer)
    assert.equal(JSON.stringify(CreateServer), before)
  })

  it('differs by those fields alone at each microversion', () => {
    const extended = createServerWith([plugin])
    for (let minor = 1; minor <= 104; minor++) {
      const at = version(`2.${minor}`)
      const expected = schemaAt(CreateServer, at) as unknown as JsonSchema
      const server = expected.properties!['server']!
      const { networks } = server.properties!
      const list = networks!.anyOf?.find(({ items }) => items) ?? networks!
      if (minor >= 37) list.items!.properties!['c'] = { type: 'integer' }
      if (minor >= 50) server.properties!['x:a'] = { type: 'string' }
      if (minor <= 60) server.properties!['x:b'] = { type: 'string' }
      assert.deepEqual(schemaAt(extended, at), expected, `2.${minor}`)
    }
  })
})
