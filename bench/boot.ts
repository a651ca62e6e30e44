// POST /servers until the guest's processors run, against the bare tools doing the same: an overlay and `virsh create`.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import type { Cloud } from '@kilonova/cloud/all-in-one'
import { startCloud } from '@kilonova/cloud/all-in-one'
import { ApiClient, until } from '@kilonova/cloud/api-client'
import { fillCloud } from '@kilonova/cloud/bootstrap'
import { loadConfig } from '@kilonova/cloud/config'
import { StateDirectory } from '@kilonova/cloud/state-directory'
import { lifecycle } from '@kilonova/libvirt/constants'
import type { DomainEvent } from '@kilonova/libvirt/events'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { figure, publish, timed } from './measure.ts'

const RUNS = 15
const LIMIT_SECONDS = 120

interface Bench {
  cloud: Cloud
  client: ApiClient
  host: LibvirtHost
  uri: string
  server: object
}

async function prepare(state: StateDirectory): Promise<Bench> {
  const config = await loadConfig(undefined, state.configFile)
  const options = { state, config, host: '127.0.0.1', port: 0, driver: 'libvirt', fakeHosts: 1, memory: false } as const
  const cloud = await startCloud(options)
  await cloud.hosts.reported
  await fillCloud(cloud, { driver: 'libvirt', state, memory: false, signal: new AbortController().signal })
  const { admin: password } = await state.credentials()
  const client = await ApiClient.logIn(cloud.url, { name: 'admin', password, project: 'admin' })
  const { images } = await client.ask<{ images: { id: string }[] }>({ path: '/image/v2/images?name=kilonova-tiny' })
  const { flavors } = await client.ask<{ flavors: { id: string; name: string }[] }>({ path: '/compute/v2.1/flavors' })
  const { networks } = await client.ask<{ networks: { id: string }[] }>({ path: '/network/v2.0/networks?name=private' })
  const flavorRef = flavors.find(({ name }) => name === 'm1.nano')!.id
  const server = {
    name: 'bench',
    imageRef: images[0]!.id,
    flavorRef,
    networks: [{ uuid: networks[0]!.id }],
    config_drive: true,
  }
  const { libvirt } = cloud.hosts
  return { cloud, client, host: libvirt!.host, uri: (await libvirt!.uri())!, server }
}

async function boot(bench: Bench): Promise<string> {
  const over = new AbortController()
  const events = bench.host.events(over.signal)
  const { client, server } = bench
  const path = '/compute/v2.1/servers'
  const made = await client.ask<{ server: { id: string } }>({ method: 'POST', path, body: { server } })
  const { id } = made.server
  // Polling would take processor time from the guest's start, as nobody takes it from the bare tools.
  await Promise.race([resumed(events, id), becomesActive(bench, id, { every: 1000, signal: over.signal })])
  over.abort()
  await becomesActive(bench, id, { every: 1 })
  return id
}

async function resumed(events: AsyncIterable<DomainEvent>, id: string): Promise<void> {
  for await (const event of events) {
    if (event.type === 'lifecycle' && event.dom.uuid === id && event.event === lifecycle.RESUMED) return
  }
}

async function becomesActive({ client }: Bench, id: string, how: { every: number; signal?: AbortSignal }) {
  const status = await until(
    LIMIT_SECONDS,
    async () => {
      if (how.signal?.aborted) return true
      const shown = await client.ask<{ server: { status: string; fault?: { message: string } } }>({
        path: `/compute/v2.1/servers/${id}`,
      })
      if (shown.server.status === 'ERROR') throw new Error(`the server failed: ${shown.server.fault?.message}`)
      return shown.server.status === 'ACTIVE' ? true : undefined
    },
    how.every,
  )
  if (!status) throw new Error(`server ${id} did not become active`)
}

async function remove({ client }: Bench, id: string): Promise<void> {
  await client.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
  await until(
    LIMIT_SECONDS,
    () =>
      client.ask({ path: `/compute/v2.1/servers/${id}` }).then(
        () => undefined,
        () => true,
      ),
    20,
  )
}

/** The same guest by hand: its XML under another name, on a fresh overlay, with a tap of its own. */
async function bare({ uri }: Bench, xml: string, directory: string): Promise<number> {
  const [uuid, tap] = [systemRandom.uuid(), `tapbench${systemRandom.bytes(2).toString('hex')}`]
  const overlay = join(directory, `${uuid}.qcow2`)
  const base = join(directory, 'base.raw')
  const changed = xml
    .replaceAll(/<uuid>(.*?)<\/uuid>/.exec(xml)![1]!, uuid)
    .replace(/<name>.*?<\/name>/, `<name>bench-${uuid}</name>`)
    .replace(/<source file='[^']*\/disk'[^>]*\/>/, `<source file='${overlay}'/>`)
    .replaceAll(/<source file='[^']*disk\.config'[^>]*\/>/g, `<source file='${join(directory, 'disk.config')}'/>`)
    .replaceAll(/dev='tap[^']*'/g, `dev='${tap}'`)
    .replaceAll(/file='[^']*console\.log'/g, `file='${join(directory, `${uuid}.log`)}'`)
  const file = join(directory, `${uuid}.xml`)
  await writeFile(file, changed)
  await run('ip', ['tuntap', 'add', tap, 'mode', 'tap'])
  try {
    return await timed(async () => {
      await run('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', overlay, '1G'])
      await run('virsh', ['-q', '-c', uri, 'create', file])
    })
  } finally {
    await run('virsh', ['-q', '-c', uri, 'destroy', uuid], { accept: [0, 1] })
    await run('ip', ['link', 'del', tap], { accept: [0, 1] })
  }
}

async function measure(bench: Bench, state: StateDirectory, directory: string): Promise<void> {
  const first = await boot(bench) // warms the caches of both sides
  const xml = (await run('virsh', ['-q', '-c', bench.uri, 'dumpxml', '--inactive', '--security-info', first])).stdout
  const instance = join(state.path, 'instances', first)
  const [{ base }] = JSON.parse(
    (await run('qemu-img', ['info', '--output=json', '-U', join(instance, 'disk')])).stdout,
    (key, value) => (key === '' ? [{ base: value['full-backing-filename'] }] : value),
  ) as [{ base: string }]
  await run('cp', ['--sparse=always', base, join(directory, 'base.raw')])
  await run('cp', [join(instance, 'disk.config'), join(directory, 'disk.config')])
  await remove(bench, first)
  const [ours, theirs]: [number[], number[]] = [[], []]
  for (let i = 0; i <= RUNS; i++) {
    let id = ''
    const boots = await timed(async () => {
      id = await boot(bench)
    })
    await remove(bench, id)
    const creates = await bare(bench, xml, directory)
    if (i === 0) continue // the first pair warms up
    ours.push(boots)
    theirs.push(creates)
    await systemClock.sleep(500)
  }
  const ratios = ours.map((value, i) => value / theirs[i]!)
  await publish('boot', [
    figure('POST /servers to ACTIVE, image cached', 'ms', ours),
    figure('qemu-img create + virsh create of the same guest', 'ms', theirs),
    figure('ratio, pair by pair', 'x', ratios),
  ])
}

const directory = await mkdtemp(join(tmpdir(), 'kilonova-bench-'))
const state = new StateDirectory(join(directory, 'state'))
await state.prepare()
try {
  const bench = await prepare(state)
  try {
    await measure(bench, state, directory)
  } finally {
    await bench.cloud.stop()
  }
} finally {
  await rm(directory, { recursive: true, force: true })
}
