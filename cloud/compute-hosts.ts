// The compute hosts of this process: the machine itself over libvirt, or any number of fake ones.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { systemClock } from '@kilonova/base/clock'
import { adminContext } from '@kilonova/base/context'
import { systemRandom } from '@kilonova/base/random'
import type { Bus } from '@kilonova/bus/bus'
import type { ComputeAgentParts } from '@kilonova/compute/agent/agent'
import { computeAgent } from '@kilonova/compute/agent/agent'
import { ImageCache } from '@kilonova/compute/agent/disks/image-cache'
import { LocalStorage } from '@kilonova/compute/agent/disks/local-storage'
import { FakeHypervisor } from '@kilonova/compute/agent/drivers/fake/fake-hypervisor'
import { FakeStorage } from '@kilonova/compute/agent/drivers/fake/fake-storage'
import { Weather } from '@kilonova/compute/agent/drivers/fake/weather'
import { libvirtHypervisor } from '@kilonova/compute/agent/drivers/libvirt/libvirt-hypervisor'
import { probeVirtType } from '@kilonova/compute/agent/drivers/libvirt/virt-type'
import type { HostProcess } from '@kilonova/compute/agent/host-process'
import { startHostProcess } from '@kilonova/compute/agent/host-process'
import { limitConsoleLogs, removeUnusedImages } from '@kilonova/compute/agent/housekeeping'
import { InstancePaths } from '@kilonova/compute/agent/instance-paths'
import { gatherVendorData } from '@kilonova/compute/agent/metadata/vendor-data'
import { nodeUuid } from '@kilonova/compute/agent/node-identity'
import type { VifPlugger } from '@kilonova/compute/agent/vif-plugger'
import { refusals } from '@kilonova/image/acceptance'
import type { ImageClient } from '@kilonova/image/client'
import { inspectFile } from '@kilonova/image/inspect-file'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import type { PlugMethods } from '@kilonova/network/host'
import { networkTopic } from '@kilonova/network/host'
import { Periodic } from '@kilonova/tasks/periodic'
import type { CloudConfig } from './config.ts'
import type { StateDirectory } from './state-directory.ts'

export interface HostNeeds {
  host: string
  bus: Bus
  config: CloudConfig
  state: StateDirectory
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

async function serve(
  needs: HostNeeds,
  parts: Pick<ComputeAgentParts, 'hypervisor' | 'storage' | 'nodeUuid'>,
): Promise<HostProcess> {
  const { host, bus, config } = needs
  const common = { vifs: plugger(needs), dhcpDomain: config.compute.dhcp_domain, vendorData: vendorDataOf(config) }
  const agent = computeAgent({ ...parts, ...common })
  return startHostProcess({
    host,
    bus,
    clock: systemClock,
    agent,
    hypervisor: parts.hypervisor,
    options: config.compute,
  })
}

export interface LibvirtNeeds extends HostNeeds {
  libvirt: LibvirtHost
  image: ImageClient
  cloudTag: string
}

/** This machine as a compute host. */
export async function startLibvirtHost(needs: LibvirtNeeds): Promise<HostProcess> {
  const { state, config, image, libvirt, cloudTag } = needs
  const { compute } = config
  const paths = new InstancePaths(join(state.path, 'instances'))
  const images = new ImageCache({ paths, source: imageSource(image), inspect: refuseUnsafe })
  const storage = new LocalStorage({ paths, images, imagesType: compute.images_type as 'raw' | 'qcow2' })
  await storage.open()
  const virtType =
    compute.virt_type === 'auto' ? await probeVirtType(state.virtType) : (compute.virt_type as 'kvm' | 'qemu')
  const hypervisor = libvirtHypervisor({
    host: libvirt,
    paths,
    cloudTag,
    virtType,
    cpuMode: compute.cpu_mode as 'none',
    cpuModel: compute.cpu_model,
    tbCacheMb: compute.tb_cache_size,
    vncListen: compute.vnc_enabled ? compute.vnc_server_listen : null,
    diskCache: compute.disk_cache_mode as 'writeback',
    memStatsPeriod: compute.mem_stats_period_seconds,
  })
  const keeping = keepHouse(paths, images)
  const serving = await serve(needs, { hypervisor, storage, nodeUuid: await nodeUuid(state.nodeUuid) })
  const stop = async (): Promise<void> => {
    await keeping.stop()
    await serving.stop()
  }
  return { ...serving, stop }
}

/** Console logs stay bounded, and images that no server uses go after a day. */
function keepHouse(paths: InstancePaths, images: ImageCache): Periodic {
  const periodic = new Periodic(systemClock, systemRandom)
  periodic.every({ name: 'compute.limit_console_logs', seconds: 60 }, () => limitConsoleLogs(paths))
  periodic.every({ name: 'compute.run_image_cache_manager_pass', seconds: 2400 }, () => removeUnusedImages(images))
  return periodic
}

function imageSource(image: ImageClient) {
  return {
    async open(id: string) {
      const context = adminContext()
      if (image.path) return { path: await image.path(context, id) }
      return { stream: await image.open(context, id) }
    },
  }
}

async function refuseUnsafe(path: string, diskFormat: string): Promise<void> {
  const problems = refusals(diskFormat, await inspectFile(path))
  if (problems.length > 0) throw new Error(problems.map(({ what, why }) => `${what}: ${why}`).join('; '))
}

/** One of the fake hosts; with `keep` its guests outlive the process. */
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
  } = config.fake
  const directory = join(state.path, 'fake')
  await mkdir(directory, { recursive: true })
  const file = (name: string): string | null => (keep ? join(directory, `${host}.${name}`) : null)
  const weather = new Weather({ latency, failureRate, seed })
  const hypervisor = new FakeHypervisor({ name: host, vcpus, memoryMb, shutdownTime, weather, file: file('guests') })
  const storage = new FakeStorage({ localGb, weather, file: file('disks') })
  return serve(needs, { hypervisor, storage, nodeUuid: await nodeUuid(join(directory, `${host}.uuid`)) })
}
