// A process of its own for the test that kills it: builds toy `a`, or goes on with it. Usage: toy-child.ts DATABASE
import { syncSchema } from '@kilonova/store/schema'
import { openStore } from '@kilonova/store/store'
import { taskSchema } from './schema.ts'
import { Tasks } from './tasks.ts'
import { buildToy, Toys, toyContext, toySchema } from './toy-world.ts'

const store = openStore({ url: `sqlite:${process.argv[2]}` })
await syncSchema(store, [taskSchema, toySchema])
const toys = new Toys(store)
const tasks = new Tasks({ store, sagas: [buildToy], deps: { store }, owner: 'child', exclusive: true })
await tasks.start()
const [live] = await tasks.list({ live: true })
const id =
  live?.id ??
  (await store.transaction(async () => {
    await toys.add('a')
    return tasks.enqueue(buildToy, { input: { id: 'a' }, context: toyContext })
  }))
await tasks.ended(id)
await tasks.stop()
await store.close()
