// Guests whose servers went elsewhere while this host was down: taken away when it is back.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { ConductorMethods } from './conductor-protocol.ts'
import type { ComputeAgent } from './protocol.ts'

interface Parts {
  host: string
  agent: Pick<ComputeAgent, 'guests' | 'storedGuests' | 'destroyGuest' | 'deleteFiles'>
  conductor: { leftGuests: ConductorMethods['leftGuests'] }
}

/**
 * None of them runs any more, else it throws; answers their ids. Files that cannot be removed are left for the next
 * time. Ports are left alone: they are bound elsewhere now.
 */
export async function removeLeft({ host, agent, conductor }: Parts): Promise<string[]> {
  const look = async (): Promise<string[]> => {
    const guests = await agent.guests()
    const ids = [...new Set([...guests.map(({ id }) => id), ...(await agent.storedGuests())])]
    return conductor.leftGuests({ host, ids })
  }
  const left = await look()
  for (const id of left) {
    log('compute.agent').warn({ host, server_id: id }, 'removes the guest of a server that lives elsewhere')
    await agent.destroyGuest({ id })
  }
  for (const id of left) {
    await agent.deleteFiles({ id }).catch((error: unknown) => {
      log('compute.agent').error({ host, server_id: id }, `its files could not be removed: ${errorChain(error)}`)
    })
  }
  if (left.length > 0) await look() // tells that they are gone
  return left
}
