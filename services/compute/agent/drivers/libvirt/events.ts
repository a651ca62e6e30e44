// Lifecycle events of this cloud's guests, out of those of the whole host.
import { on } from 'node:events'
import { lifecycle } from '@kilonova/libvirt/constants'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import type { GuestEvent } from '../../hypervisor.ts'
import type { Guests } from './guests.ts'
import { lifecycleOf } from './power-states.ts'

export async function* guestEvents(
  host: LibvirtHost,
  guests: Guests,
  signal: AbortSignal,
): AsyncGenerator<GuestEvent, void, void> {
  for await (const event of host.events(signal)) {
    if (event.type !== 'lifecycle') continue
    const id = event.dom.uuid
    const meaning = lifecycleOf(event.event, event.detail)
    if (meaning && (await isOurs(guests, id))) yield { id, ...meaning }
    if (event.event === lifecycle.UNDEFINED) guests.forget(id)
  }
}

/** After each, all events are registered again; those that came before it may be lost. */
export async function* reconnections(host: LibvirtHost, signal: AbortSignal): AsyncGenerator<void, void, void> {
  try {
    for await (const _ of on(host, 'connected', { signal })) yield
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

/** A domain that cannot be asked about any more is nobody's: the periodic look at the host finds what it was. */
async function isOurs(guests: Guests, id: string): Promise<boolean> {
  try {
    return (await guests.isOurs(id)) === true
  } catch {
    return false
  }
}
