// What users ask of servers, through the handlers of the real routes, with calls made by hand.
import type { Answer, Call } from '@kilonova/api/route'
import { perform } from '@kilonova/api/route'
import type { RequestContext } from '@kilonova/base/context'
import type { Compute } from '@kilonova/compute/compute'
import { tables } from '@kilonova/compute/compute'
import { computeService } from '@kilonova/compute/service'
import type { Tasks } from '@kilonova/tasks/tasks'

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
  /** Whether its version has what came with that one. Default: the newest. */
  at?: (since: string) => boolean
  /** Of other options than the cloud's. */
  compute?: Compute
}

/** A call by somebody who may do everything in the project. */
export function callByHand(context: RequestContext, { params = {}, body, at = () => true }: Asked): Call<never, never> {
  const origin = 'http://cloud.test'
  const call = {
    ...{ context, params, body, query: {}, search: new URLSearchParams(), headers: {} },
    ...{ at, allows: () => true, require: () => undefined },
    url: { origin, service: origin, versioned: origin, path: '' },
  }
  return call as unknown as Call<never, never>
}

const SERVERS = '/v2.1/servers'
const ONE = `${SERVERS}/:id`
const INTERFACES = `${SERVERS}/:serverId/os-interface`
const AGGREGATES = '/v2.1/os-aggregates'
const FLAVORS = '/v2.1/flavors'
const FLAVOR = '42'
const LARGER = '84'

/** The one that servers boot from, and another. */
interface Images {
  image: string
  otherImage: string
}

export class ServerCommands {
  readonly #compute: Compute
  readonly #context: () => RequestContext
  readonly #image: string
  readonly #otherImage: string
  readonly #routes
  /** The one that servers are made with, and the one that they are resized to. */
  flavors = { usual: FLAVOR, larger: LARGER }

  constructor(compute: Compute, context: () => RequestContext, images: Images) {
    this.#compute = compute
    this.#context = context
    this.#image = images.image
    this.#otherImage = images.otherImage
    this.#routes = computeService(compute).routes
  }

  /** The block devices of a server from the usual image with these besides. */
  withDisks(...devices: object[]): object {
    const root = { source_type: 'image', destination_type: 'local', uuid: this.#image, boot_index: 0 }
    const blank = { source_type: 'blank', destination_type: 'local' }
    return { block_device_mapping_v2: [root, ...devices.map((device) => ({ ...blank, ...device }))] }
  }

  /** Answers the new server's id. */
  async create(parts: object = {}): Promise<string> {
    const server = { name: 'test', imageRef: this.#image, flavorRef: this.flavors.usual, ...parts }
    const { body } = (await this.#ask('POST', SERVERS, { body: { server } })) as Answer
    return (body as { server: { id: string } }).server.id
  }

  /** A flavor whose root disk is a whole device; answers its id. */
  async deviceFlavor(): Promise<string> {
    const flavor = { name: 'whole', id: 'whole', ram: 64, vcpus: 1, disk: 1 }
    await this.#ask('POST', FLAVORS, { body: { flavor } })
    const extra_specs = { 'resources:CUSTOM_DISK_ISOLATED': '1' }
    const params = { flavorId: flavor.id }
    await this.#ask('POST', `${FLAVORS}/:flavorId/os-extra_specs`, { params, body: { extra_specs } })
    return flavor.id
  }

  async show(id: string): Promise<ShownServer> {
    return ((await this.#ask('GET', ONE, { params: { id } })) as { server: ShownServer }).server
  }

  async delete(id: string): Promise<void> {
    await this.#ask('DELETE', ONE, { params: { id } })
  }

  /** As with `reclaim_instance_interval`. */
  async softDelete(id: string): Promise<void> {
    const options = { ...this.#compute.options, reclaim_instance_interval: 3600 }
    await this.#ask('DELETE', ONE, { params: { id }, compute: { ...this.#compute, options } })
  }

  start(id: string): Promise<void> {
    return this.act(id, 'os-start')
  }

  stop(id: string): Promise<void> {
    return this.act(id, 'os-stop')
  }

  reboot(id: string, type: 'SOFT' | 'HARD' = 'SOFT'): Promise<void> {
    return this.act(id, 'reboot', { type })
  }

  pause(id: string): Promise<void> {
    return this.act(id, 'pause')
  }

  unpause(id: string): Promise<void> {
    return this.act(id, 'unpause')
  }

  suspend(id: string): Promise<void> {
    return this.act(id, 'suspend')
  }

  resume(id: string): Promise<void> {
    return this.act(id, 'resume')
  }

  attachInterface(id: string, interfaceAttachment: object = {}): Promise<void> {
    return this.#untilAccepted('POST', INTERFACES, { params: { serverId: id }, body: { interfaceAttachment } })
  }

  resetState(id: string, state: 'active' | 'error'): Promise<void> {
    const action = 'os-resetState'
    return this.#untilAccepted('POST', `${ONE}/action`, { params: { id }, action, body: { [action]: { state } } })
  }

  /** Resolves when it is accepted; the user's own call answers at the end of the task. */
  #untilAccepted(method: string, path: string, asked: Asked): Promise<void> {
    return new Promise((accepted, refused) => {
      const { tasks } = this.#compute
      const ended = (): Promise<never> => {
        accepted()
        return new Promise(() => undefined)
      }
      const get = (_: Tasks, name: keyof Tasks) => {
        const own = tasks[name] as unknown
        if (name === 'ended') return ended
        return typeof own === 'function' ? own.bind(tasks) : own
      }
      const compute = { ...this.#compute, tasks: new Proxy(tasks, { get } as ProxyHandler<Tasks>) }
      this.#ask(method, path, { ...asked, compute }).catch(refused)
    })
  }

  /** The interface that the server got last. */
  async detachInterface(serverId: string): Promise<void> {
    const shown = await this.#ask('GET', INTERFACES, { params: { serverId } })
    const { interfaceAttachments: all } = shown as { interfaceAttachments: { port_id: string }[] }
    await this.#ask('DELETE', `${INTERFACES}/:id`, { params: { serverId, id: all.at(-1)!.port_id } })
  }

  /** From the other image. */
  rescue(id: string, parts: object = {}): Promise<void> {
    return this.act(id, 'rescue', { rescue_image_ref: this.#otherImage, ...parts })
  }

  /** From the other image. */
  rebuild(id: string, parts: object = {}): Promise<void> {
    return this.act(id, 'rebuild', { imageRef: this.#otherImage, ...parts })
  }

  /** To the next larger flavor. */
  resize(id: string, flavorRef: string = this.flavors.larger): Promise<void> {
    return this.act(id, 'resize', { flavorRef })
  }

  /** Of its host an admin says that it is down. */
  async evacuate(id: string): Promise<void> {
    const { 'OS-EXT-SRV-ATTR:host': host } = await this.show(id)
    if (host) await this.forceDown(host)
    await this.evacuateOnly(id)
  }

  /** As before 2.95, when a server that ran runs again; or as since then. */
  async evacuateOnly(id: string, parts: object = {}, anew = false): Promise<void> {
    const at = (since: string): boolean => anew || since !== '2.95'
    const action = 'evacuate'
    await this.#ask('POST', `${ONE}/action`, { params: { id }, action, body: { evacuate: parts }, at })
  }

  /** Or not any more. */
  async forceDown(host: string, down = true): Promise<void> {
    const services = tables(this.#compute).updateTable('compute_services').where('host', '=', host)
    await services.set({ forced_down: down ? 1 : 0 }).execute()
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

  async act(id: string, action: string, argument: unknown = null): Promise<void> {
    await this.#ask('POST', `${ONE}/action`, { params: { id }, action, body: { [action]: argument } })
  }

  #ask(method: string, path: string, asked: Asked = {}): Promise<unknown> {
    const { params = {}, body, action, at = () => true, compute = this.#compute } = asked
    const found = this.#routes.find(
      (route) => route.method === method && route.path === path && route.action === action,
    )
    if (!found) throw new Error(`there is no route ${method} ${path} ${action ?? ''}`)
    const call = callByHand(this.#context(), { params, body, at })
    return perform(found, compute, call)
  }
}
