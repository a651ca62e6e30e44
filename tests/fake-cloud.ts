// A whole cloud in this process, on fake hosts and with everything in memory: each test its own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { adminContext } from '@kilonova/base/context'
import type { Cloud } from '@kilonova/cloud/all-in-one'
import { startCloud } from '@kilonova/cloud/all-in-one'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import { fillCloud } from '@kilonova/cloud/bootstrap'
import { loadConfig } from '@kilonova/cloud/config'
import { StateDirectory } from '@kilonova/cloud/state-directory'

export interface FakeCloud {
  cloud: Cloud
  admin: ApiClient
  demo: ApiClient
  /** Of the users. */
  passwords: Record<'admin' | 'demo', string>
  /** The image and flavor that every test boots. */
  image: string
  flavor: string
  network: string
  /** A new token, scoped to the project of the user's name. */
  token(name: 'admin' | 'demo'): Promise<string>
  stop(): Promise<void>
}

export interface FakeCloudOptions {
  hosts?: number
  /** The text of kilonova.toml. */
  config?: string
  /** Where the cloud lies, so that another can be started there; it stays. By default nothing is on disk. */
  directory?: string
}

const STOPPED = new AbortController().signal

export async function startFakeCloud(options: FakeCloudOptions = {}): Promise<FakeCloud> {
  const { hosts = 1, config = '' } = options
  const memory = options.directory === undefined
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'kilonova-cloud-')))
  const state = new StateDirectory(directory)
  let cloud: Cloud | undefined
  const stop = async (): Promise<void> => {
    await cloud?.stop()
    if (memory) await rm(directory, { recursive: true, force: true })
  }
  try {
    await writeFile(state.configFile, config)
    const loaded = await loadConfig(undefined, state.configFile)
    cloud = await startCloud({
      ...{ state, config: loaded, memory },
      ...{ host: '127.0.0.1', port: 0, driver: 'fake', fakeHosts: hosts },
    })
    await fillCloud(cloud, { driver: 'fake', state, memory, signal: STOPPED })
    await cloud.hosts.reported
    return { cloud, stop, ...(await usersAndThings(cloud, state)) }
  } catch (error) {
    await stop()
    throw error
  }
}

async function usersAndThings(cloud: Cloud, state: StateDirectory) {
  const passwords = await state.credentials()
  const logIn = (name: 'admin' | 'demo') =>
    ApiClient.logIn(cloud.url, { name, password: passwords[name], project: name })
  const [admin, demo] = [await logIn('admin'), await logIn('demo')]
  const { images } = await demo.ask<{ images: { id: string }[] }>({ path: '/image/v2/images?name=kilonova-tiny' })
  const { flavors } = await demo.ask<{ flavors: { id: string; name: string }[] }>({ path: '/compute/v2.1/flavors' })
  const { networks } = await demo.ask<{ networks: { id: string }[] }>({ path: '/network/v2.0/networks?name=private' })
  const flavor = flavors.find(({ name }) => name === 'm1.nano')!.id
  const token = (name: 'admin' | 'demo') => tokenOf(cloud.url, name, passwords[name])
  return { admin, demo, passwords, image: images[0]!.id, flavor, network: networks[0]!.id, token }
}

async function tokenOf(url: string, name: string, password: string): Promise<string> {
  const domain = { id: 'default' }
  const identity = { methods: ['password'], password: { user: { name, domain, password } } }
  const reply = await fetch(`${url}/identity/v3/auth/tokens`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ auth: { identity, scope: { project: { name, domain } } } }),
  })
  return reply.headers.get('x-subject-token')!
}

/** A public image with something in it; fake hosts boot anything. */
export async function addImage(
  { cloud }: Pick<FakeCloud, 'cloud'>,
  properties: Record<string, string> = {},
  parts: object = {},
): Promise<string> {
  const { client } = cloud.parts.image
  const about = { name: 'other', visibility: 'public', disk_format: 'raw', container_format: 'bare' } as const
  const { id } = await client.create(adminContext(), { ...about, min_disk: 0, min_ram: 0, properties, ...parts })
  await client.upload(adminContext(), id, Readable.from([Buffer.alloc(65_536)]))
  return id
}

export interface ShownServer {
  id: string
  name: string
  status: string
  addresses: Record<string, { addr: string }[]>
  'OS-EXT-STS:vm_state': string
  'OS-EXT-STS:task_state': string | null
  'OS-EXT-STS:power_state': number
  'OS-EXT-SRV-ATTR:host'?: string
  fault?: { code: number; message: string }
}

/** POSTs a server; the rest of the body may be given. */
export async function createServer({ demo, image, flavor, network }: FakeCloud, parts: object = {}): Promise<string> {
  const server = { name: 'test', imageRef: image, flavorRef: flavor, networks: [{ uuid: network }], ...parts }
  const reply = await demo.ask<{ server: { id: string } }>({
    method: 'POST',
    path: '/compute/v2.1/servers',
    body: { server },
  })
  return reply.server.id
}

export async function showServer({ demo }: Pick<FakeCloud, 'demo'>, id: string): Promise<ShownServer> {
  return (await demo.ask<{ server: ShownServer }>({ path: `/compute/v2.1/servers/${id}` })).server
}

const LIMIT_SECONDS = 300

/** Waits until no task works on the server. */
export async function settledServer(fake: Pick<FakeCloud, 'demo'>, id: string): Promise<ShownServer> {
  const server = await until(
    LIMIT_SECONDS,
    async () => {
      const shown = await showServer(fake, id)
      return shown.status === 'BUILD' || shown['OS-EXT-STS:task_state'] !== null ? undefined : shown
    },
    20,
  )
  if (!server) throw new Error(`server ${id} did not settle within ${LIMIT_SECONDS} s`)
  return server
}

/** Waits until the server answers 404. */
export async function goneServer(fake: Pick<FakeCloud, 'demo'>, id: string): Promise<void> {
  const gone = await until(
    LIMIT_SECONDS,
    () =>
      showServer(fake, id).then(
        () => undefined,
        () => true,
      ),
    20,
  )
  if (!gone) throw new Error(`server ${id} is not gone after ${LIMIT_SECONDS} s`)
}
