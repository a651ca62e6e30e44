import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkSizes, MOST_LINES } from './check-sizes.ts'
import { withTree } from './tree.ts'

const long = 'export {}\n'.repeat(MOST_LINES + 1)

test('reports a file that is one line too long', async () => {
  const files = {
    'cloud/long.ts': long,
    'cloud/fits.ts': 'export {}\n'.repeat(MOST_LINES),
    'cloud/node_modules/x.ts': long,
  }
  assert.deepEqual(await withTree(files, checkSizes), ['cloud/long.ts has 501 lines; at most 500 are allowed'])
})

test('lets tables, schemas and tests be long', async () => {
  const files = {
    'cloud/long.test.ts': long,
    'packages/libvirt/procedures/domain.ts': long,
    'services/x/servers/schema.ts': long,
    'services/x/schema/0001-servers.ts': long,
    'services/x/options.ts': long,
  }
  assert.deepEqual(await withTree(files, checkSizes), [])
})
