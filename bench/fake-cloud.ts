// A cloud for benches: one fake host with room for all, the durable store, no quotas, in a directory of its own.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Cloud } from '@kilonova/cloud/all-in-one'
import { startCloud } from '@kilonova/cloud/all-in-one'
import { ApiClient } from '@kilonova/cloud/api-client'
import { fillCloud } from '@kilonova/cloud/bootstrap'
import type { CloudConfig } from '@kilonova/cloud/config'
import { loadConfig } from '@kilonova/cloud/config'
import { StateDirectory } from '@kilonova/cloud/state-directory'

export const SERVERS_PATH = '/compute/v2.1/servers'

const NO_QUOTAS = `[fake]
vcpus = 4096
[network]
quota_port = -1
[compute]
quota_instances = -1
quota_cores = -1
quota_ram = -1
`

export interface FakeCloud {
  cloud: Cloud
  config: CloudConfig
  directory: string
  client: ApiClient
  /** A request for the smallest server, without its networks. */
  server: { name: string; imageRef: string; flavorRef: string }
}

export interface FakeCloudOptions {
  /** Lines of [compute] besides the quotas. */
  compute?: string
  hosts?: number
}

export async function withFakeCloud(
  { compute = '', hosts = 1 }: FakeCloudOptions,
  work: (fake: FakeCloud) => Promise<void>,
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'kn-bench-'))
  const state = new StateDirectory(directory)
  await writeFile(state.configFile, NO_QUOTAS + compute)
  const config = await loadConfig(undefined, state.configFile)
  const common = { state, driver: 'fake', memory: false } as const
  const cloud = await startCloud({ ...common, config, host: '127.0.0.1', port: 0, fakeHosts: hosts })
  try {
    if (hosts > 0) await cloud.hosts.reported
    await fillCloud(cloud, { ...common, signal: new AbortController().signal })
    const { admin: password } = await state.credentials()
    const client = await ApiClient.logIn(cloud.url, { name: 'admin', password, project: 'admin' })
    await work({ cloud, config, directory, client, server: await smallestServer(client) })
  } finally {
    await cloud.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

async function smallestServer(client: ApiClient): Promise<FakeCloud['server']> {
  const { images } = await client.ask<{ images: { id: string }[] }>({ path: '/image/v2/images' })
  const { flavors } = await client.ask<{ flavors: { id: string; name: string }[] }>({ path: '/compute/v2.1/flavors' })
  const flavorRef = flavors.find(({ name }) => name === 'm1.nano')!.id
  return { name: 'bench', imageRef: images[0]!.id, flavorRef }
}
