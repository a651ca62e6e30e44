// How an action of servers is declared: POST …/servers/{id}/action, picked by the one key of the body.
import type { Call } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '../compute.ts'

export const ACTION = { method: 'POST', path: '/v2.1/servers/:id/action' } as const

/** The body of an action whose argument says nothing: `{"os-start": null}`. */
export const bare = <Name extends string>(action: Name) =>
  Type.Object({ [action]: Type.Unknown() } as Record<Name, ReturnType<typeof Type.Unknown>>)

/** The handler of an action that needs the server alone. */
export function act(command: (compute: Compute, context: RequestContext, id: string) => Promise<unknown>) {
  return async (compute: Compute, { context, params }: Pick<Call, 'context' | 'params'>): Promise<void> => {
    await command(compute, context, params['id']!)
  }
}
