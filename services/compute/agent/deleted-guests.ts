// What is left on a host of servers that are deleted: guests, and files. Two looks must agree before anything goes.
import type { Clock } from '@kilonova/base/clock'
import { errorChain } from '@kilonova/base/fault'
import { isUuid } from '@kilonova/base/ids'
import { log } from '@kilonova/base/log'
import type { Remote } from '@kilonova/bus/bus'
import type { ConductorMethods } from './conductor-protocol.ts'
import type { GuestSpec } from './guest-spec.ts'
import type { HostOptions } from './host-options.ts'
import type { ComputeAgent } from './protocol.ts'

export interface DeletedGuestsParts {
  host: string
  clock: Clock
  agent: ComputeAgent
  conductor: Pick<Remote<ConductorMethods>, 'goneServers'>
  options: Pick<
    HostOptions,
    'running_deleted_instance_action' | 'running_deleted_instance_timeout' | 'maximum_instance_delete_attempts'
  >
}

/** Milliseconds between the two looks. */
const LOOK_AGAIN = 10_000

export class DeletedGuests {
  readonly #parts: DeletedGuestsParts
  /** By guest: how often its files could not be removed. */
  readonly #failures = new Map<string, number>()

  constructor(parts: DeletedGuestsParts) {
    this.#parts = parts
  }

  /** Does with the guests of deleted servers as running_deleted_instance_action says. */
  async cleanUp(signal: AbortSignal): Promise<void> {
    const { agent, options, host } = this.#parts
    const { running_deleted_instance_action: action, running_deleted_instance_timeout: timeout } = options
    if (action === 'noop') return
    const guests = async (): Promise<string[]> => (await agent.guests()).map(({ id }) => id)
    for (const guest of await this.#gone(guests, timeout, signal)) {
      log('compute.agent').warn({ host, server_id: guest.id, action }, 'there is a guest of a deleted server')
      if (action === 'reap') await this.#reap(guest)
      else if (action === 'shutdown') await agent.stop({ id: guest.id, how: 'force' })
    }
  }

  /** Removes the files of deleted servers that have no guest any more; what fails is tried a few times in all. */
  async runPendingDeletes(signal: AbortSignal): Promise<void> {
    const { agent, options } = this.#parts
    const most = options.maximum_instance_delete_attempts
    const stored = async (): Promise<string[]> => {
      const defined = new Set((await agent.guests()).map(({ id }) => id))
      const ids = (await agent.storedGuests()).filter((id) => isUuid(id) && !defined.has(id))
      return ids.filter((id) => (this.#failures.get(id) ?? 0) < most)
    }
    for (const guest of await this.#gone(stored, 0, signal)) await this.#removeFiles(guest, most)
  }

  /** Of the guests that are there, those whose servers were deleted, by two looks. */
  async #gone(there: () => Promise<string[]>, deletedFor: number, signal: AbortSignal): Promise<GuestSpec[]> {
    const { host, clock, conductor } = this.#parts
    const look = async (): Promise<GuestSpec[]> => {
      const ids = await there()
      return ids.length === 0 ? [] : conductor.goneServers({ host, ids, deletedFor })
    }
    const first = new Set((await look()).map(({ id }) => id))
    if (first.size === 0) return []
    await clock.sleep(LOOK_AGAIN, signal)
    if (signal.aborted) return []
    return (await look()).filter(({ id }) => first.has(id))
  }

  async #reap(guest: GuestSpec): Promise<void> {
    const { agent } = this.#parts
    await agent.destroyGuest({ id: guest.id })
    await agent.unplug(guest)
    await agent.deleteFiles({ id: guest.id })
  }

  async #removeFiles(guest: GuestSpec, most: number): Promise<void> {
    const { agent, host } = this.#parts
    try {
      await agent.unplug(guest)
      await agent.deleteFiles({ id: guest.id })
      this.#failures.delete(guest.id)
    } catch (error) {
      const failures = (this.#failures.get(guest.id) ?? 0) + 1
      this.#failures.set(guest.id, failures)
      const next = failures < most ? 'they are tried again' : 'they are left: remove them by hand'
      const why = `the files of a deleted server could not be removed; ${next}: ${errorChain(error)}`
      log('compute.agent').error({ host, server_id: guest.id, failures }, why)
    }
  }
}
