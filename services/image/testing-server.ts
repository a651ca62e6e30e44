// The image service as a process of its own, for tests that kill it: `node testing-server.ts DIRECTORY`.
import { join } from 'node:path'
import { syncSchema } from '@kilonova/store/schema'
import { openStore } from '@kilonova/store/store'
import { imageSchema } from './schema/steps.ts'
import { startService } from './testing.ts'

const directory = process.argv[2]!
const store = openStore({ url: `sqlite:${join(directory, 'image.db')}` })
await syncSchema(store, [imageSchema])
const { api } = await startService({ store, directory })
console.log(await api.listen({ host: '127.0.0.1', port: 0 }))
