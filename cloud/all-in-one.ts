// One process with everything: brought up in the order in which the parts need each other, taken down in reverse.
import type { Api } from '@kilonova/api/server'
import { createApi } from '@kilonova/api/server'
import { log } from '@kilonova/base/log'
import { LocalBus } from '@kilonova/bus/local'
import { addConductorTasks, startConductor } from '@kilonova/compute/conductor/process'
import { computeService } from '@kilonova/compute/service'
import { bootstrap as bootstrapIdentity } from '@kilonova/identity/bootstrap'
import { identityService } from '@kilonova/identity/service'
import { syncSchema } from '@kilonova/store/schema'
import { fillStore } from './bootstrap.ts'
import { catalog } from './catalog.ts'
import { Closing } from './closing.ts'
import type { CloudConfig } from './config.ts'
import { openDatabase } from './database.ts'
import { mountHealth } from './health.ts'
import { Hosts } from './hosts.ts'
import { listen } from './listen.ts'
import { operatorService } from './operator/service.ts'
import type { Parts } from './parts.ts'
import { createParts } from './parts.ts'
import { schemas } from './schemas.ts'
import type { CloudIdentity, StateDirectory } from './state-directory.ts'
import { translate } from './translate.ts'

export interface CloudOptions {
  state: StateDirectory
  config: CloudConfig
  host: string
  port: number
  driver: 'libvirt' | 'fake'
  /** Fake hosts, with the driver `fake`. */
  fakeHosts: number
  /** Nothing is written to disk: the database is in memory, fake guests end with the process. */
  memory: boolean
}

export interface Cloud {
  readonly url: string
  readonly parts: Parts
  readonly hosts: Hosts
  readonly identity: CloudIdentity
  /** Drains what is under way for a moment, then ends; guests go on. */
  stop(): Promise<void>
}

/** Resolves when every service answers; the hosts come up meanwhile. */
export async function startCloud(options: CloudOptions): Promise<Cloud> {
  const closing = new Closing()
  try {
    return await start(options, closing)
  } catch (error) {
    await closing.close()
    throw error
  }
}

const DRAIN_MS = 10_000

async function start(options: CloudOptions, closing: Closing): Promise<Cloud> {
  const { state, config, memory } = options
  const identity = await state.identity()
  const store = openDatabase(options)
  closing.add('store', () => store.close())
  await syncSchema(store, schemas)
  const bus = new LocalBus()
  closing.add('bus', () => bus.close())
  const parts = createParts({
    config,
    state,
    store,
    bus,
    owner: `${identity.host}-${memory ? process.pid : identity.tag}`,
  })
  await bootstrapTheUsers(parts, state)
  await fillStore(parts, options.driver)
  await parts.image.start()
  closing.add('image', () => parts.image.stop())
  addConductorTasks(parts.compute)
  closing.add('conductor', await startConductor(parts.compute, identity.host))
  closing.add('network', await parts.network.start())
  const api = createApi({ authenticate: (token) => parts.identityClient.authenticate(token), translate })
  const hosts = new Hosts({ ...options, identity, parts })
  closing.add('hosts', () => hosts.stop())
  mount(api, parts, hosts)
  await parts.tasks.start()
  closing.add('tasks', () => parts.tasks.stop(DRAIN_MS))
  const url = await listen(api, options)
  closing.add('api', () => api.close())
  hosts.start()
  log('cloud').info({ url }, 'answers')
  return { url, parts, hosts, identity, stop: () => closing.close() }
}

async function bootstrapTheUsers({ identity }: Parts, state: StateDirectory): Promise<void> {
  const { admin: adminPassword, demo: demoPassword } = await state.credentials()
  await bootstrapIdentity(identity, { adminPassword, demoPassword, region: 'RegionOne', services: catalog })
}

/** One process does everything. */
const ROLES = ['api', 'conductor', 'agent']

function mount(api: Api, parts: Parts, hosts: Hosts): void {
  const { identity, image, placement, network, compute } = parts
  mountHealth(api, { store: parts.store, hosts }) // before the services: hooks hold for routes that come after them
  api.mount(identityService(identity))
  api.mount(image.api)
  api.mount(placement.api)
  api.mount(network.api)
  api.mount(computeService(compute))
  api.mount(operatorService({ parts, hosts, roles: ROLES }))
}
