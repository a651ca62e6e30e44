// Answers that are kept for requests that are sent again.
import type { Clock } from '@kilonova/base/clock'
import type { Random } from '@kilonova/base/random'
import type { KeptAnswers } from '@kilonova/store/kept-answers'
import { Periodic } from '@kilonova/tasks/periodic'

const SECONDS = 600

/** Removes those that are too old, again and again. What is returned ends it. */
export function purgeAnswers(answers: KeptAnswers, { clock, random }: { clock: Clock; random: Random }) {
  const periodic = new Periodic(clock, random)
  periodic.every({ name: 'cloud.purge_answers', seconds: SECONDS }, () => answers.purge())
  return () => periodic.stop()
}
