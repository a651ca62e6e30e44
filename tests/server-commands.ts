// What users ask of servers, through the handlers of the real routes, with calls made by hand.
import type { Answer, Call } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '@kilonova/compute/compute'
import { computeService } from '@kilonova/compute/service'

export interface ShownServer {
  id: string
  status: string
  fault?: { code: number; message: string; details?: string }
  'OS-EXT-STS:vm_state': string
  'OS-EXT-STS:task_state': string | null
  'OS-EXT-SRV-ATTR:host': string | null
}

export interface Used {
  totalInstancesUsed: number
  totalCoresUsed: number
  totalRAMUsed: number
}

interface Asked {
  params?: Record<string, string>
  body?: unknown
  /** The key of the body that selects the route. */
  action?: string
}

/** A call of the newest version by somebody who may do everything in the project. */
export function callByHand(context: RequestContext, { params = {}, body }: Asked): Call<never, never> {
  const origin = 'http://cloud.test'
  const call = {
    ...{ context, params, body, query: {}, search: new URLSearchParams(), headers: {} },
    ...{ at: () => true, allows: () => true, require: () => undefined },
    url: { origin, service: origin, versioned: origin, path: '' },
  }
  return call as unknown as Call<never, never>
}

const SERVERS = '/v2.1/servers'
const ONE = `${SERVERS}/:id`
const AGGREGATES = '/v2.1/os-aggregates'
const FLAVOR = '42'

export class ServerCommands {
  readonly #compute: Compute
  readonly #context: () => RequestContext
  readonly #image: string
  readonly #routes

  constructor(compute: Compute, context: () => RequestContext, image: string) {
    this.#compute = compute
    this.#context = context
    this.#image = image
    this.#routes = computeService(compute).routes
  }

  /** Answers the new server's id. */
  async create(parts: object = {}): Promise<string> {
    const server = { name: 'test', imageRef: this.#image, flavorRef: FLAVOR, ...parts }
    const { body } = (await this.#ask('POST', SERVERS, { body: { server } })) as Answer
    return (body as { server: { id: string } }).server.id
  }

  async show(id: string): Promise<ShownServer> {
    return ((await this.#ask('GET', ONE, { params: { id } })) as { server: ShownServer }).server
  }

  async delete(id: string): Promise<void> {
    await this.#ask('DELETE', ONE, { params: { id } })
  }

  start(id: string): Promise<void> {
    return this.#act(id, 'os-start', null)
  }

  stop(id: string): Promise<void> {
    return this.#act(id, 'os-stop', null)
  }

  reboot(id: string, type: 'SOFT' | 'HARD' = 'SOFT'): Promise<void> {
    return this.#act(id, 'reboot', { type })
  }

  pause(id: string): Promise<void> {
    return this.#act(id, 'pause', null)
  }

  unpause(id: string): Promise<void> {
    return this.#act(id, 'unpause', null)
  }

  suspend(id: string): Promise<void> {
    return this.#act(id, 'suspend', null)
  }

  resume(id: string): Promise<void> {
    return this.#act(id, 'resume', null)
  }

  /** What the project uses of its quota. */
  async used(): Promise<Used> {
    const { limits } = (await this.#ask('GET', '/v2.1/limits')) as { limits: { absolute: Used } }
    return limits.absolute
  }

  /** Hosts of a new aggregate fetch the image; answers the aggregate's id. */
  async cacheImage(hosts: readonly string[]): Promise<string> {
    const aggregate = { name: this.#compute.random.uuid() }
    const made = await this.#ask('POST', AGGREGATES, { body: { aggregate } })
    const id = String((made as { aggregate: { id: number } }).aggregate.id)
    for (const host of hosts) {
      const body = { add_host: { host } }
      await this.#ask('POST', `${AGGREGATES}/:id/action`, { params: { id }, action: 'add_host', body })
    }
    await this.#ask('POST', `${AGGREGATES}/:id/images`, { params: { id }, body: { cache: [{ id: this.#image }] } })
    return id
  }

  async #act(id: string, action: string, argument: unknown): Promise<void> {
    await this.#ask('POST', `${ONE}/action`, { params: { id }, action, body: { [action]: argument } })
  }

  #ask(method: string, path: string, { params = {}, body, action }: Asked = {}): Promise<unknown> {
    const found = this.#routes.find(
      (route) => route.method === method && route.path === path && route.action === action,
    )
    if (!found) throw new Error(`there is no route ${method} ${path} ${action ?? ''}`)
    const call = callByHand(this.#context(), { params, body })
    return found.handler(this.#compute, call)
  }
}
