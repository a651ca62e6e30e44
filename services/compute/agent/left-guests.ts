// Guests whose servers went elsewhere while this host was down: taken away when it is back.
import { log } from '@kilonova/base/log'
import type { ConductorMethods } from './conductor-protocol.ts'
import type { ComputeAgent } from './protocol.ts'

/** What it removes is told by being absent the next time. Ports are left alone: they are bound elsewhere now. */
export async function removeLeft(
  agent: ComputeAgent,
  conductor: { leftGuests: ConductorMethods['leftGuests'] },
  host: string,
): Promise<void> {
  const guests = await agent.guests()
  const ids = [...new Set([...guests.map(({ id }) => id), ...(await agent.storedGuests())])]
  for (const id of await conductor.leftGuests({ host, ids })) {
    log('compute.agent').warn({ host, server_id: id }, 'removes the guest of a server that lives elsewhere')
    await agent.destroyGuest({ id })
    await agent.deleteFiles({ id })
  }
}
