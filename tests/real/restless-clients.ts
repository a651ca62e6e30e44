// Clients that make, change and delete servers whatever becomes of their cloud, and remember what it has accepted.
import { systemClock } from '@kilonova/base/clock'
import { isFault } from '@kilonova/base/fault'
import type { Random } from '@kilonova/base/random'
import { pick, seededRandom } from '@kilonova/base/random'
import type { ApiClient, Ask } from '@kilonova/cloud/api-client'
import type { Things } from './servers.ts'

/** A request that was answered with 2xx: it must have left an action of its server. */
export interface Accepted {
  server: string
  request: string
  what: string
}

interface Listed {
  id: string
  status: string
  'OS-EXT-STS:task_state': string | null
}

export interface ClientNeeds {
  client: ApiClient
  things: Things
  /** Another flavor, for resizes. */
  larger: string
  seed: number
  /** What the names of its servers begin with. */
  prefix: string
}

const MOST_SERVERS = 5
/** Milliseconds between two things that it does. */
const PAUSE = 20

type Body = Record<string, unknown>

/** What may be asked of a server of this status; of all others only its end. */
const ASKED: Record<string, (larger: string) => Body[]> = {
  ACTIVE: (larger) => [
    ...[{ 'os-stop': null }, { pause: null }, { suspend: null }, { shelve: null }, { rescue: {} }],
    ...[
      { reboot: { type: 'SOFT' } },
      { reboot: { type: 'HARD' } },
      { migrate: null },
      { resize: { flavorRef: larger } },
    ],
    { createImage: { name: 'kept' } },
  ],
  SHUTOFF: () => [{ 'os-start': null }, { migrate: null }, { createImage: { name: 'kept' } }],
  PAUSED: () => [{ unpause: null }],
  SUSPENDED: () => [{ resume: null }],
  RESCUE: () => [{ unrescue: null }],
  VERIFY_RESIZE: () => [{ confirmResize: null }, { revertResize: null }],
  SHELVED_OFFLOADED: () => [{ unshelve: null }],
}

export class RestlessClient {
  readonly accepted: Accepted[] = []
  /** Answers that no cloud may give, also while it dies. */
  readonly outrages: string[] = []
  readonly #needs: ClientNeeds
  readonly #random: Random
  #made = 0

  constructor(needs: ClientNeeds) {
    this.#needs = needs
    this.#random = seededRandom(needs.seed)
  }

  /** One thing after the other until the signal aborts. */
  async work(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#step()
      await systemClock.sleep(PAUSE, signal)
    }
  }

  async #step(): Promise<void> {
    try {
      const servers = await this.#own()
      const chance = this.#random.float()
      if (servers.length === 0 || (servers.length < MOST_SERVERS && chance < 0.35)) await this.#create()
      else if (chance < 0.55) await this.#delete(pick(this.#random, servers))
      else await this.#act(pick(this.#random, servers))
    } catch (error) {
      // Anything else than an answer: the cloud is away, or died meanwhile.
      if (isFault(error, 'ApiError')) this.#judge('list', error.status, error.message)
    }
  }

  #judge(what: string, status: number, sentence: string): void {
    if (![404, 409, 503].includes(status)) this.outrages.push(`${what}: ${status} ${sentence}`)
  }

  async #own(): Promise<Listed[]> {
    const path = `/compute/v2.1/servers/detail?name=^${this.#needs.prefix}-`
    return (await this.#needs.client.ask<{ servers: Listed[] }>({ path })).servers
  }

  async #create(): Promise<void> {
    const { things, prefix } = this.#needs
    const networks = this.#random.float() < 0.5 ? [{ uuid: things.network }] : 'none'
    const server = { name: `${prefix}-${++this.#made}`, imageRef: things.image, flavorRef: things.flavor, networks }
    const ask = { method: 'POST', path: '/compute/v2.1/servers', body: { server } } as const
    await this.#accept('create', ask, async (reply) => ((await reply.json()) as { server: { id: string } }).server.id)
  }

  /** One that is being deleted already is not asked twice: the second request does nothing, and leaves nothing. */
  async #delete({ id, 'OS-EXT-STS:task_state': passing }: Listed): Promise<void> {
    if (passing === 'deleting') return
    await this.#accept('delete', { method: 'DELETE', path: `/compute/v2.1/servers/${id}` }, async () => id)
  }

  async #act({ id, status }: Listed): Promise<void> {
    const bodies = ASKED[status]?.(this.#needs.larger)
    if (!bodies) return
    const body = pick(this.#random, bodies)
    const path = `/compute/v2.1/servers/${id}/action`
    await this.#accept(Object.keys(body)[0]!, { method: 'POST', path, body }, async () => id)
  }

  async #accept(what: string, ask: Ask, serverOf: (reply: Response) => Promise<string>): Promise<void> {
    const reply = await this.#needs.client.send(ask)
    if (!reply.ok) return this.#judge(what, reply.status, await reply.text())
    const request = reply.headers.get('x-openstack-request-id')!
    this.accepted.push({ server: await serverOf(reply), request, what })
  }
}
