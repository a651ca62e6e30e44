// Tasks with the hooks of plug-ins. A hook runs inside its step, so that tasks keep their steps and what is recorded of
// them whether a plug-in is there or not, and a step's promises hold for its hooks: repeated, bounded, undone.
import type { AnySaga, AnyStep } from '@kilonova/tasks/saga'
import { Later } from '@kilonova/tasks/saga'
import type { HookRun, TaskHook } from '../plugin.ts'
import type { Conductor } from './conductor.ts'

/** The same tasks where no hook is for them. */
export function hooked(
  sagas: readonly AnySaga<Conductor>[],
  hooks: readonly TaskHook[],
): readonly AnySaga<Conductor>[] {
  if (hooks.length === 0) return sagas
  return sagas.map((saga) => {
    const own = hooks.filter(({ task }) => task === saga.name)
    return own.length === 0 ? saga : { ...saga, steps: saga.steps.map((step) => withHooks(step, own)) }
  })
}

function withHooks(step: AnyStep, hooks: readonly TaskHook[]): AnyStep {
  const own = hooks.filter((hook) => hook.step === step.name)
  if (own.length === 0) return step
  return {
    ...step,
    do: async (run) => {
      const seen = hookRun(run)
      for (const { before } of own) await before?.(seen)
      const result = await step.do(run)
      if (result instanceof Later) return result
      for (const { after } of own) await after?.(seen, result)
      return result
    },
  }
}

function hookRun({ deps, ...run }: Parameters<AnyStep['do']>[0]): HookRun {
  return { ...run, compute: (deps as Conductor).compute }
}
