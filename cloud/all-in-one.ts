// One process with everything: brought up in the order in which the parts need each other, taken down in reverse.
import type { Api } from '@kilonova/api/server'
import { createApi } from '@kilonova/api/server'
import { systemClock } from '@kilonova/base/clock'
import { log } from '@kilonova/base/log'
import { ConfigError } from '@kilonova/base/options'
import { LocalBus } from '@kilonova/bus/local'
import { addConductorTasks, checkScheduling } from '@kilonova/compute/conductor/process'
import { mountConsoles } from '@kilonova/compute/consoles/proxy'
import { computeService } from '@kilonova/compute/service'
import { bootstrap as bootstrapIdentity } from '@kilonova/identity/bootstrap'
import { identityService } from '@kilonova/identity/service'
import { KeptAnswers } from '@kilonova/store/kept-answers'
import { syncSchema } from '@kilonova/store/schema'
import { purgeAnswers } from './answers.ts'
import { fillStore } from './bootstrap.ts'
import { catalog } from './catalog.ts'
import { Closing } from './closing.ts'
import type { CloudConfig } from './config.ts'
import { openDatabase } from './database.ts'
import { fault } from './faults.ts'
import { mountHealth } from './health.ts'
import { Hosts } from './hosts.ts'
import { listen } from './listen.ts'
import { audit } from './operator/audit/audit.ts'
import { Audits } from './operator/audit/audits.ts'
import type { Operator } from './operator/operator.ts'
import { operatorService } from './operator/service.ts'
import type { Parts } from './parts.ts'
import { createParts } from './parts.ts'
import { activatePlugins } from './plugins.ts'
import { schemasOf } from './schemas.ts'
import type { EndService, Role, ServiceNeeds } from './service-factory.ts'
import { binariesOf, startService } from './service-factory.ts'
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
  /** Takes nothing new, gives what is under way graceful_shutdown_timeout, then ends; guests go on. */
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

/** The time that what is under way has left once the process is told to end, in milliseconds. */
class Drain {
  #until = 0

  begin(seconds: number): void {
    this.#until = systemClock.monotonic() + seconds * 1000
    log('cloud').info({ graceful_shutdown_timeout: seconds }, 'ends; what is under way may end before')
  }

  get left(): number {
    return Math.max(0, this.#until - systemClock.monotonic())
  }
}

async function start(options: CloudOptions, closing: Closing): Promise<Cloud> {
  const { state, config, memory } = options
  const identity = await state.identity()
  const store = openDatabase(options)
  closing.add('store', () => store.close())
  const bus = new LocalBus()
  closing.add('bus', () => bus.close())
  const owner = `${identity.host}-${memory ? process.pid : identity.tag}`
  const parts = await withPlugins(createParts({ config, state, store, bus, host: identity.host, owner }), config)
  await syncSchema(store, schemasOf(config))
  await bootstrapTheUsers(parts, state)
  await fillStore(parts, options.driver)
  await parts.image.start()
  closing.add('image', () => parts.image.stop())
  addConductorTasks(parts.compute)
  const hosts = new Hosts({ ...options, identity, parts })
  const drain = new Drain()
  const needs = { parts, host: identity.host, hosts }
  closing.add('conductor', await startRole('conductor', needs, drain))
  closing.add('network', await parts.network.start())
  const answers = new KeptAnswers({
    store,
    clock: parts.compute.clock,
    retention: config.api.idempotency_key_retention,
  })
  const api = createApi({ authenticate: (token) => parts.identityClient.authenticate(token), translate, answers })
  let endAgent: () => Promise<void> = async () => undefined
  closing.add('agent', () => endAgent())
  const audits = new Audits({ look: () => audit(parts), clock: parts.compute.clock, random: parts.compute.random })
  mount(api, { parts, hosts, audits, roles: ROLES })
  const consoles = mountConsoles(api, parts.compute)
  await parts.tasks.start()
  closing.add('tasks', () => parts.tasks.stop(drain.left))
  const url = await listen(api, options)
  closing.add('api', () => api.close())
  closing.add('audits', audits.start(config.audit.interval))
  closing.add('answers', purgeAnswers(answers, parts.compute))
  endAgent = await startRole('agent', needs, drain)
  closing.add('consoles', () => consoles.close())
  log('cloud').info({ url }, 'answers')
  const stop = (): Promise<void> => {
    drain.begin(config.compute.graceful_shutdown_timeout)
    return closing.close()
  }
  return { url, parts, hosts, identity, stop }
}

/** Starts every service of the role; what is returned ends them, the last one first. */
async function startRole(role: Role, needs: ServiceNeeds, drain: Drain): Promise<() => Promise<void>> {
  const services = new Closing()
  for (const binary of binariesOf(role)) {
    const end: EndService = await startService(binary, needs)
    services.add(binary, () => end(drain.left))
  }
  return () => services.close()
}

/** With what plug-ins add to compute. Refuses what does not fit before anything is written. */
async function withPlugins(parts: Parts, { extensions }: CloudConfig): Promise<Parts> {
  const compute = { ...parts.compute, plugins: await activatePlugins(extensions, parts.compute) }
  try {
    checkScheduling(compute)
  } catch (error) {
    if (error instanceof ConfigError) throw fault('ConfigUnusable', { why: error.message }, error)
    throw error
  }
  return { ...parts, compute }
}

async function bootstrapTheUsers({ identity }: Parts, state: StateDirectory): Promise<void> {
  const { admin: adminPassword, demo: demoPassword } = await state.credentials()
  await bootstrapIdentity(identity, { adminPassword, demoPassword, region: 'RegionOne', services: catalog })
}

/** One process does everything. */
const ROLES = ['api', 'conductor', 'agent']

function mount(api: Api, operator: Operator & { hosts: Hosts }): void {
  const { parts, hosts, audits } = operator
  const { identity, image, placement, network, compute } = parts
  mountHealth(api, { store: parts.store, hosts, audits }) // before the services: hooks hold for routes that come after them
  api.mount(identityService(identity))
  api.mount(image.api)
  api.mount(placement.api)
  api.mount(network.api)
  api.mount(computeService(compute))
  api.mount(operatorService(operator))
}
