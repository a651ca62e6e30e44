// One page of 1,000 servers, asked for by one client, beside the same bytes from a bare Node server.
import { until } from '@kilonova/cloud/api-client'
import { Clients } from './clients.ts'
import { SERVERS_PATH, withFakeCloud } from './fake-cloud.ts'
import { startFloor } from './floor.ts'
import { figure, publish } from './measure.ts'

const SERVERS = 1000
const RUNS = 50

await withFakeCloud({}, async ({ client, server }) => {
  const body = { server: { ...server, networks: 'none', max_count: SERVERS } }
  await client.ask({ method: 'POST', path: SERVERS_PATH, body })
  const building = `${SERVERS_PATH}?status=BUILD&limit=1`
  const done = await until(120, async () => {
    const { servers } = await client.ask<{ servers: unknown[] }>({ path: building })
    return servers.length === 0 ? true : undefined
  })
  if (!done) throw new Error('not all servers became active')
  const url = `${client.url}${SERVERS_PATH}/detail?limit=${SERVERS}`
  const bytes = await (await client.send({ path: `${SERVERS_PATH}/detail?limit=${SERVERS}` })).text()
  const floor = await startFloor({ bytes })
  const clients = new Clients()
  const get = (from: string) =>
    clients.ask({ method: 'GET', url: from, headers: client.headers, count: RUNS, clients: 1 })
  for (const from of [url, floor.url]) await get(from) // warms up
  const [ours, theirs] = [(await get(url)).replies, (await get(floor.url)).replies]
  await clients.close()
  floor.close()
  await publish('list', [
    figure(`GET /servers/detail of ${SERVERS}, ${Math.round(bytes.length / 1024)} KiB`, 'ms', ours),
    figure('the same bytes from a bare Node server', 'ms', theirs),
    figure(
      'ratio, pair by pair',
      'x',
      ours.map((milliseconds, i) => milliseconds / theirs[i]!),
    ),
  ])
})
