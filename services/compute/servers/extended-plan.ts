// What a create request comes to once each plug-in has had its say, in the order of the configuration.

import type { Compute } from '../compute.ts'
import type { Creation, ServerPlan } from '../plugin.ts'

export interface ExtendedPlan extends ServerPlan {
  /** What plug-ins keep with each server, by their names. */
  kept: Record<string, unknown>
}

/** What the request alone comes to, and what plug-ins judge it by. */
export type Unextended = Pick<Creation<object, object>, 'call' | 'server' | 'flavor' | 'image' | 'count' | 'plan'>

/** Throws what a plug-in refuses with. */
export async function extendedPlan(compute: Compute, asked: Unextended): Promise<ExtendedPlan> {
  const { networks = [] } = asked.server
  const kept: Record<string, unknown> = {}
  for (const { name, serverCreate } of compute.plugins ?? []) {
    await serverCreate?.act({
      ...asked,
      compute,
      networks: Array.isArray(networks) ? networks : [],
      keep: (data) => {
        kept[name] = data
      },
    })
  }
  return { ...asked.plan, kept }
}
