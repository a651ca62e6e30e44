// What is under way for a server ends, so that something else may be done to it whatever that does.
import type { Compute } from '../compute.ts'

/** Seconds in which what ends may fail to undo what it has done, before that is left as it is. */
const GIVE_UP = 60

/** All live tasks of the server but those of that name. */
export async function giveUpTasks(
  { tasks }: Pick<Compute, 'tasks'>,
  id: string,
  { but, why }: { but: string; why: string },
): Promise<void> {
  for (const task of await tasks.list({ live: true, resource: { type: 'server', id } })) {
    if (task.name !== but) await tasks.giveUp(task.id, why, GIVE_UP)
  }
}
