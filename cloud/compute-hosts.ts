// The compute hosts of this process: the machine itself over libvirt, or any number of fake ones.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import type { ComputeAgentParts } from '@kilonova/compute/agent/agent'
import { computeAgent } from '@kilonova/compute/agent/agent'
import { ConsoleListener } from '@kilonova/compute/agent/console-listener'
import { knowsDirectIo } from '@kilonova/compute/agent/disks/direct-io'
import { FakeHypervisor } from '@kilonova/compute/agent/drivers/fake/fake-hypervisor'
import { FakeStorage, fakeDevices } from '@kilonova/compute/agent/drivers/fake/fake-storage'
import { Weather } from '@kilonova/compute/agent/drivers/fake/weather'
import { cacheModes } from '@kilonova/compute/agent/drivers/libvirt/cache-modes'
import { libvirtHypervisor } from '@kilonova/compute/agent/drivers/libvirt/libvirt-hypervisor'
import { probeVirtType } from '@kilonova/compute/agent/drivers/libvirt/virt-type'
import { hostAddress } from '@kilonova/compute/agent/host-address'
import type { HostProcess, HostProcessParts } from '@kilonova/compute/agent/host-process'
import { startHostProcess } from '@kilonova/compute/agent/host-process'
import { limitConsoleLogs } from '@kilonova/compute/agent/housekeeping'
import type { Hypervisor } from '@kilonova/compute/agent/hypervisor'
import { InstancePaths } from '@kilonova/compute/agent/instance-paths'
import { gatherVendorData } from '@kilonova/compute/agent/metadata/vendor-data'
import { hostBoot, nodeUuid } from '@kilonova/compute/agent/node-identity'
import type { VifPlugger } from '@kilonova/compute/agent/vif-plugger'
import type { ImageClient } from '@kilonova/image/client'
import type { PlugMethods } from '@kilonova/network/host'
import { networkTopic } from '@kilonova/network/host'
import type { CloudConfig } from './config.ts'
import { openGuestStorage } from './guest-storage.ts'
import { hostImageCache } from './host-image-cache.ts'
import type { Libvirt } from './libvirt.ts'
import type { StateDirectory } from './state-directory.ts'

export interface HostNeeds {
  host: string
  bus: Bus
  config: CloudConfig
  state: StateDirectory
  image: ImageClient
}

/** The network agent on the same host, asked over the bus. */
function plugger({ bus, host }: HostNeeds): VifPlugger {
  const agent = bus.remote<PlugMethods>(networkTopic(host))
  return {
    plug: async ({ portId }) => void (await agent.plug({ portId })),
    unplug: async ({ portId }) => void (await agent.unplug({ portId })),
  }
}

/** Gathers vendor data as the options say. */
export function vendorDataOf({ compute }: CloudConfig) {
  const {
    vendordata_jsonfile_path: jsonFile,
    vendordata_dynamic_targets: targets,
    vendordata_dynamic_failure_fatal: failureFatal,
  } = compute
  return (guest: Parameters<typeof gatherVendorData>[0]) => gatherVendorData(guest, { jsonFile, targets, failureFatal })
}

type OfDriver = Pick<ComputeAgentParts, 'hypervisor' | 'storage' | 'nodeUuid'> &
  Pick<HostProcessParts, 'boot' | 'networkReady' | 'housekeeping'>

async function serve(needs: HostNeeds, { storage, ...parts }: OfDriver): Promise<HostProcess> {
  const { host, bus, config, image } = needs
  const { max_concurrent_snapshots: most, disable_libvirt_livesnapshot: alwaysHolds } = config.compute
  const common = { vifs: plugger(needs), dhcpDomain: config.compute.dhcp_domain, vendorData: vendorDataOf(config) }
  const consoles = consolesOf(parts.hypervisor, config)
  const hostIp = await hostAddress(config.compute.my_ip)
  const snapshots = { image, most, alwaysHolds }
  const agent = computeAgent({ ...parts, ...common, storage, hostIp, consoles, snapshots })
  const process = { host, bus, clock: systemClock, agent, options: config.compute, imageCache: config.image_cache }
  return startHostProcess({ ...process, ...parts, consoles })
}

function consolesOf({ consoles }: Hypervisor, { compute }: CloudConfig): ConsoleListener | undefined {
  if (!consoles) return undefined
  const address = compute.server_proxyclient_address
  return new ConsoleListener({ consoles, address, clock: systemClock, random: systemRandom })
}

export interface LibvirtNeeds extends HostNeeds {
  libvirt: Libvirt
  cloudTag: string
  networkReady: Promise<unknown>
}

/** This machine as a compute host. */
export async function startLibvirtHost(needs: LibvirtNeeds): Promise<HostProcess> {
  const { state, config, image, libvirt, cloudTag } = needs
  const { compute } = config
  const paths = new InstancePaths(join(state.path, 'instances'))
  const images = hostImageCache(paths, image)
  await mkdir(paths.root, { recursive: true, mode: 0o711 })
  const direct = await knowsDirectIo(paths.root)
  const address = await hostAddress(compute.my_ip)
  const storage = await openGuestStorage({ config, paths, images, cloudTag, direct, address })
  const virtType =
    compute.virt_type === 'auto' ? await probeVirtType(state.virtType) : (compute.virt_type as 'kvm' | 'qemu')
  const hypervisor = libvirtHypervisor({
    host: libvirt.host,
    pathOutside: libvirt.pathOutside,
    paths,
    cloudTag,
    virtType,
    cpuMode: compute.cpu_mode as 'none',
    cpuModel: compute.cpu_model,
    tbCacheMb: compute.tb_cache_size,
    vnc: compute.vnc_enabled,
    disks: {
      cache: cacheModes(compute.disk_cachemodes, direct),
      discard: compute.hw_disk_discard === '' ? undefined : (compute.hw_disk_discard as 'unmap'),
    },
    memStatsPeriod: compute.mem_stats_period_seconds,
  })
  const housekeeping: HostProcessParts['housekeeping'] = {
    removeUnusedImages: (maxAge) => images.removeUnused(maxAge),
    limitConsoleLogs: (bytes) => limitConsoleLogs(paths, bytes),
  }
  const boot = hostBoot(state.bootId)
  const node = await nodeUuid(state.nodeUuid)
  return serve(needs, { hypervisor, storage, nodeUuid: node, boot, networkReady: needs.networkReady, housekeeping })
}

/** One of the fake hosts; with `keep` its guests outlive the process, and the machine's boots. */
export async function startFakeHost(needs: HostNeeds, keep: boolean): Promise<HostProcess> {
  const { host, state, config } = needs
  const {
    latency,
    failure_rate: failureRate,
    seed,
    shutdown_time: shutdownTime,
    vcpus,
    memory_mb: memoryMb,
    local_gb: localGb,
    isolated_disks: isolated,
  } = config.fake
  const directory = join(state.path, 'fake')
  await mkdir(directory, { recursive: true })
  const file = (name: string): string | null => (keep ? join(directory, `${host}.${name}`) : null)
  const weather = new Weather({ latency, failureRate, seed })
  const hypervisor = new FakeHypervisor({ name: host, vcpus, memoryMb, shutdownTime, weather, file: file('guests') })
  const storage = new FakeStorage({ localGb, weather, file: file('disks'), isolated: fakeDevices(isolated) })
  return serve(needs, { hypervisor, storage, nodeUuid: await nodeUuid(join(directory, `${host}.uuid`)) })
}
