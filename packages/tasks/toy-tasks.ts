// A store with toys and the engine on it, for the engine's own tests.
import type { ServiceSchema } from '@kilonova/store/schema'
import type { Store } from '@kilonova/store/store'
import { Failpoints } from './failpoints.ts'
import { taskSchema } from './schema.ts'
import type { TasksOptions } from './tasks.ts'
import { Tasks } from './tasks.ts'
import type { ToyDeps, ToyInput } from './toy-world.ts'
import { buildToy, deleteToy, Toys, toyContext, toySchema } from './toy-world.ts'

type Open = (...schemas: ServiceSchema[]) => Promise<Store>
/** A test's context, as far as it is needed to clear up. */
type Ending = { after(work: () => Promise<void>): void }

/** A promise that the test resolves. */
export function gate(): { opened: Promise<void>; open: () => void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { opened: promise, open: resolve }
}

/** A store and what makes Tasks on it; all of it is stopped and closed after the test. */
export async function freshTasks(open: Open, t: Ending) {
  const store = await open(taskSchema, toySchema)
  const made: { stop(graceMs: number): Promise<void> }[] = []
  t.after(async () => {
    for (const tasks of made) await tasks.stop(0)
    await store.close()
  })
  const make = <Deps>(options: Omit<TasksOptions<Deps>, 'store' | 'owner'> & { owner?: string }): Tasks<Deps> => {
    const tasks = new Tasks<Deps>({ store, owner: 'one', failpoints: new Failpoints(), ...options })
    made.push(tasks)
    return tasks
  }
  return { store, make }
}

export async function toyTasks(
  open: Open,
  t: Ending,
  during: ToyDeps['during'] = {},
  options: Partial<TasksOptions<ToyDeps>> = {},
) {
  const { store, make: makeTasks } = await freshTasks(open, t)
  const toys = new Toys(store)
  const deps = { store, during }
  const make = (more: Partial<TasksOptions<ToyDeps>> = {}) =>
    makeTasks<ToyDeps>({ sagas: [buildToy, deleteToy], deps, poll: 0.05, ...options, ...more })
  const tasks = make()
  const build = (id: string, in_: Partial<ToyInput> = {}) =>
    store.transaction(async () => {
      await toys.add(id)
      return tasks.enqueue(buildToy, { input: { id, ...in_ }, context: toyContext })
    })
  return { store, toys, tasks, make, build }
}
