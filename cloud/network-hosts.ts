// The network agents of this process: the machine's own bridges, or fake ones; with the metadata service behind them.
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import type { ConductorMethods } from '@kilonova/compute/agent/conductor-protocol'
import { CONDUCTOR_TOPIC } from '@kilonova/compute/agent/conductor-protocol'
import type { MetadataServer } from '@kilonova/compute/agent/metadata/server'
import { metadataServer } from '@kilonova/compute/agent/metadata/server'
import { BridgeBackend } from '@kilonova/network/agent/bridge'
import { FakeBackend } from '@kilonova/network/agent/fake'
import type { NetworkHost } from '@kilonova/network/host/process'
import { startNetworkHost } from '@kilonova/network/host/process'
import { vendorDataOf } from './compute-hosts.ts'
import type { CloudConfig } from './config.ts'
import type { Parts } from './parts.ts'
import type { StateDirectory } from './state-directory.ts'

export type { NetworkHost }

export interface BridgeNetworkNeeds {
  host: string
  parts: Parts
  state: StateDirectory
  config: CloudConfig
  cloudTag: string
}

export async function startBridgeNetwork({
  host,
  parts,
  state,
  config,
  cloudTag,
}: BridgeNetworkNeeds): Promise<NetworkHost> {
  const directory = state.network
  const metadata = metadataOf(parts, config)
  const backend = new BridgeBackend({
    directory,
    cloudTag,
    // Whom a connection comes from is told by its port, never by what it says.
    metadataServer: (socket, { port }) => metadata.serve(socket, port?.deviceId || null),
  })
  const network = await startNetworkHost({
    host,
    bus: parts.bus,
    directory,
    backend,
    clock: systemClock,
    options: config.network,
  })
  const stop = async (): Promise<void> => {
    metadata.close()
    await network.stop()
  }
  return { agent: network.agent, ready: network.ready, stop }
}

function metadataOf({ bus }: Parts, config: CloudConfig): MetadataServer {
  const conductor = bus.remote<ConductorMethods>(CONDUCTOR_TOPIC)
  return metadataServer({
    guestOf: (serverId) => conductor.metadataOf({ serverId }),
    keepPassword: async (serverId, password) => void (await conductor.keepPassword({ serverId, password })),
    vendorData: vendorDataOf(config),
    dhcpDomain: config.compute.dhcp_domain,
  })
}

export interface FakeNetworkNeeds {
  host: string
  parts: Parts
  state: StateDirectory
  config: CloudConfig
}

export async function startFakeNetwork({ host, parts, state, config }: FakeNetworkNeeds): Promise<NetworkHost> {
  const directory = join(state.path, 'fake', `${host}.network`)
  const backend = new FakeBackend({ directory })
  return startNetworkHost({ host, bus: parts.bus, directory, backend, clock: systemClock, options: config.network })
}
