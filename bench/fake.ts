// 100 servers asked for by 20 clients at once on one fake host, with the durable store.
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import type { ApiClient } from '@kilonova/cloud/api-client'
import type { Answered } from './clients.ts'
import { Clients } from './clients.ts'
import type { FakeCloud } from './fake-cloud.ts'
import { SERVERS_PATH, withFakeCloud } from './fake-cloud.ts'
import { startFloor } from './floor.ts'
import { figure, publish } from './measure.ts'

const CLIENTS = 20
const SERVERS = 100
const RUNS = 7

type Networks = 'none' | 'auto'

/** From the first POST until all are active. */
function boot(clients: Clients, { client, server }: FakeCloud, networks: Networks): Promise<Answered> {
  const url = client.url + SERVERS_PATH
  const untilNone = { url: `${url}?status=BUILD&limit=1`, name: 'servers' }
  const headers = { ...client.headers, 'content-type': 'application/json' }
  const body = { server: { ...server, networks } }
  return clients.ask({ method: 'POST', url, headers, body, count: SERVERS, clients: CLIENTS, untilNone })
}

async function removeAll(client: ApiClient): Promise<void> {
  for (;;) {
    const { servers } = await client.ask<{ servers: { id: string }[] }>({ path: SERVERS_PATH })
    if (servers.length === 0) return
    for (const { id } of servers)
      await client.ask({ method: 'DELETE', path: `${SERVERS_PATH}/${id}` }).catch(() => undefined) // gone meanwhile
    await systemClock.sleep(200)
  }
}

/** As many POSTs to a bare server that does nothing but commit a row for each. */
async function bare(clients: Clients, { directory, server }: FakeCloud): Promise<number[]> {
  const floor = await startFloor({ file: join(directory, 'floor.db') })
  const asked = {
    method: 'POST',
    url: floor.url,
    headers: {},
    body: { server },
    count: SERVERS,
    clients: CLIENTS,
  } as const
  const wholes: number[] = []
  for (let run = 0; run <= RUNS; run++) wholes.push((await clients.ask(asked)).whole)
  floor.close()
  return wholes.slice(1)
}

const perSecond = (milliseconds: number): number => (SERVERS / milliseconds) * 1000

await withFakeCloud({}, async (fake) => {
  const clients = new Clients()
  const runs: Record<Networks, Answered[]> = { none: [], auto: [] }
  for (let run = 0; run <= RUNS; run++) {
    for (const networks of ['none', 'auto'] as const) {
      const answered = await boot(clients, fake, networks)
      if (run > 0) runs[networks].push(answered) // the first warms up
      await removeAll(fake.client)
    }
  }
  const floors = await bare(clients, fake)
  await clients.close()
  const whole = (networks: Networks) => runs[networks].map((one) => one.whole)
  await publish('fake', [
    figure('servers to ACTIVE per second, 100 servers, 20 clients, no NIC', '1/s', whole('none').map(perSecond)),
    figure('the same with a port each', '1/s', whole('auto').map(perSecond)),
    figure(
      'POST /servers to 202, 20 clients, no NIC',
      'ms',
      runs.none.flatMap(({ replies }) => replies),
    ),
    figure('POSTs per second to a bare Node server that commits a row each', '1/s', floors.map(perSecond)),
    figure(
      'ratio to it, no NIC',
      'x',
      whole('none').map((milliseconds, i) => floors[i]! / milliseconds),
    ),
  ])
})
