// 100 servers asked for by 20 clients at once on one fake host, with the durable store; then lists of 1,000 servers.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { startCloud } from '@kilonova/cloud/all-in-one'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import { fillCloud } from '@kilonova/cloud/bootstrap'
import { loadConfig } from '@kilonova/cloud/config'
import { StateDirectory } from '@kilonova/cloud/state-directory'
import { figure, publish, timed } from './measure.ts'

const CLIENTS = 20
const SERVERS = 100
const RUNS = 5
const LISTED = 1000
const CONFIG =
  '[compute]\nquota_instances = -1\nquota_cores = -1\nquota_ram = -1\n[network]\nquota_port = -1\n[fake]\nvcpus = 4096\n'

interface Bench {
  client: ApiClient
  body: object
}

/** `count` servers by the clients together; answers milliseconds from the first POST until all are active. */
async function boot({ client, body }: Bench, count: number, posts: number[]): Promise<number> {
  let left = count
  return timed(async () => {
    const one = async (): Promise<void> => {
      while (left-- > 0)
        posts.push(await timed(() => client.ask({ method: 'POST', path: '/compute/v2.1/servers', body })))
    }
    await Promise.all(Array.from({ length: CLIENTS }, one))
    const path = '/compute/v2.1/servers?status=BUILD&limit=1'
    const done = await until(
      120,
      async () => ((await client.ask<{ servers: unknown[] }>({ path })).servers.length === 0 ? true : undefined),
      5,
    )
    if (!done) throw new Error('not all servers became active')
  })
}

async function removeAll({ client }: Bench): Promise<void> {
  const path = '/compute/v2.1/servers'
  for (;;) {
    const { servers } = await client.ask<{ servers: { id: string }[] }>({ path })
    if (servers.length === 0) return
    await Promise.all(
      servers.map(({ id }) => client.ask({ method: 'DELETE', path: `${path}/${id}` }).catch(() => undefined)),
    )
    await systemClock.sleep(200)
  }
}

const directory = await mkdtemp(join(tmpdir(), 'kn-fake-'))
const state = new StateDirectory(directory)
await writeFile(state.configFile, CONFIG)
const config = await loadConfig(undefined, state.configFile)
const cloud = await startCloud({
  state,
  config,
  host: '127.0.0.1',
  port: 0,
  driver: 'fake',
  fakeHosts: 1,
  memory: false,
})
try {
  await cloud.hosts.reported
  await fillCloud(cloud, { driver: 'fake', state, memory: false, signal: new AbortController().signal })
  const { admin: password } = await state.credentials()
  const client = await ApiClient.logIn(cloud.url, { name: 'admin', password, project: 'admin' })
  const { images } = await client.ask<{ images: { id: string }[] }>({ path: '/image/v2/images' })
  const { flavors } = await client.ask<{ flavors: { id: string; name: string }[] }>({ path: '/compute/v2.1/flavors' })
  const flavorRef = flavors.find(({ name }) => name === 'm1.nano')!.id
  const withPort = { server: { name: 'bench', imageRef: images[0]!.id, flavorRef, networks: 'auto' } }
  const without = { server: { ...withPort.server, networks: 'none' } }
  const [posts, rates, rates2]: [number[], number[], number[]] = [[], [], []]
  for (let i = 0; i <= RUNS; i++) {
    const kept: number[] = i === 0 ? [] : posts
    const bare = await boot({ client, body: without }, SERVERS, kept)
    await removeAll({ client, body: without })
    const whole = await boot({ client, body: withPort }, SERVERS, kept)
    await removeAll({ client, body: withPort })
    if (i === 0) continue // warms up
    rates.push((SERVERS / bare) * 1000)
    rates2.push((SERVERS / whole) * 1000)
  }
  await boot({ client, body: without }, LISTED, [])
  const lists: number[] = []
  for (let i = 0; i < 20; i++)
    lists.push(await timed(() => client.ask({ path: `/compute/v2.1/servers/detail?limit=${LISTED}` })))
  await publish('fake', [
    figure('servers to ACTIVE per second, 100 servers, 20 clients, no NIC', '1/s', rates),
    figure('the same with a port each', '1/s', rates2),
    figure('POST /servers to 202, 20 clients', 'ms', posts),
    figure('GET /servers/detail of 1,000, one client', 'ms', lists.slice(5)),
  ])
} finally {
  await cloud.stop()
  await rm(directory, { recursive: true, force: true })
}
