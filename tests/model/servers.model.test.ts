// Sequences of requests that nobody thought of, beside a model that knows what comes of each: both agree all the way.
import { it } from 'node:test'
import fc from 'fast-check'
import { empty } from './compare.ts'
import { nothing } from './model.ts'
import { ModelCloud } from './model-cloud.ts'
import { sequences } from './steps.ts'

/** Decides all sequences. A failure says what to set to see it again. */
const SEED = Number(process.env['KILONOVA_MODEL_SEED'] ?? 1)
const RUNS = Number(process.env['KILONOVA_MODEL_RUNS'] ?? 7)
const STEPS = Number(process.env['KILONOVA_MODEL_STEPS'] ?? 60)
/** Of a failure: `path` and `replayPath` as it was told. */
const PATH = process.env['KILONOVA_MODEL_PATH']
const REPLAY = process.env['KILONOVA_MODEL_REPLAY']

it(`servers, ports, addresses and claims are what the model says (KILONOVA_MODEL_SEED=${SEED})`, async () => {
  let steps = 0
  const property = fc.asyncProperty(sequences(STEPS, REPLAY), async (sequence) => {
    const cloud = await ModelCloud.open()
    try {
      const model = nothing()
      await fc.asyncModelRun(() => ({ model, real: cloud }), sequence)
      await empty(model, cloud)
      steps += model.steps
    } finally {
      await cloud.close()
    }
  })
  await fc.assert(property, { seed: SEED, numRuns: RUNS, ...(PATH === undefined ? {} : { path: PATH }) })
  console.log(`${RUNS} sequences, ${steps} steps`)
})
