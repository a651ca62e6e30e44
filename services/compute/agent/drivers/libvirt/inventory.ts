// What the host has: processors, memory, what its QEMU can run.
import { freemem, totalmem } from 'node:os'
import { run } from '@kilonova/base/command'
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { connect } from '@kilonova/libvirt/procedures/connect'
import { node } from '@kilonova/libvirt/procedures/node'
import { paramValues } from '@kilonova/libvirt/wire-types'
import { XMLParser } from 'fast-xml-parser'
import { capabilityTraits } from '../../capability-traits.ts'
import type { CpuInfo, HypervisorInventory } from '../../hypervisor.ts'

const STATS_VCPU = 8
const ACTIVE_ONLY = 1
const NO_WAIT = 1 << 29
const KIB_PER_MIB = 1024

const LISTS = ['feature', 'cell', 'cpu', 'guest', 'domain']
const parser = new XMLParser({
  ignoreAttributes: false,
  attributeNamePrefix: '',
  parseAttributeValue: false,
  isArray: (name, path) => LISTS.includes(name) && String(path) !== 'capabilities.host.cpu',
})

/** The parts of libvirt's capabilities that are read here. */
export interface Capabilities {
  arch: string
  cpu: CpuInfo
  cells: { id: number; cpus: number[]; memoryMb: number }[]
  supportedInstances: [string, string, string][]
}

interface CapabilitiesXml {
  capabilities: {
    host: {
      cpu: {
        arch: string
        model?: string
        vendor?: string
        topology?: { sockets: string; cores: string; threads: string }
        feature?: { name: string }[]
        maxphysaddr?: { mode: string; bits: string }
      }
      topology?: {
        cells?: { cell?: { id: string; memory?: { '#text': number }; cpus?: { cpu?: { id: string }[] } }[] }
      }
    }
    guest?: { os_type: string; arch: { name: string; domain?: ({ type: string } | string)[] } }[]
  }
}

export function parseCapabilities(xml: string): Capabilities {
  const { host, guest = [] } = (parser.parse(xml) as CapabilitiesXml).capabilities
  const cells = host.topology?.cells?.cell ?? []
  const { topology, feature = [], maxphysaddr: physical } = host.cpu
  return {
    arch: host.cpu.arch,
    cpu: {
      arch: host.cpu.arch,
      model: host.cpu.model ?? '',
      vendor: host.cpu.vendor ?? '',
      topology: {
        cells: Math.max(1, cells.length),
        sockets: Number(topology?.sockets ?? 1),
        cores: Number(topology?.cores ?? 1),
        threads: Number(topology?.threads ?? 1),
      },
      features: feature.map(({ name }) => name).sort(),
      ...(physical ? { maxphysaddr: { mode: physical.mode, bits: Number(physical.bits) } } : {}),
    },
    cells: cells.map((cell) => ({
      id: Number(cell.id),
      cpus: (cell.cpus?.cpu ?? []).map(({ id }) => Number(id)),
      memoryMb: Math.floor(Number(cell.memory?.['#text'] ?? 0) / KIB_PER_MIB),
    })),
    supportedInstances: guest.flatMap(({ os_type, arch }) =>
      (arch.domain ?? []).map((domain): [string, string, string] => [
        arch.name,
        typeof domain === 'string' ? domain : domain.type,
        os_type,
      ]),
    ),
  }
}

export async function readCapabilities(host: LibvirtHost): Promise<Capabilities> {
  return parseCapabilities(await host.call(connect.getCapabilities))
}

export async function hypervisorInventory(
  host: LibvirtHost,
  capabilities: Capabilities,
  { display }: { display: boolean },
): Promise<HypervisorInventory> {
  const architectures = capabilities.supportedInstances.map(([arch]) => arch)
  const [info, version, type, hostname, stats, uptime] = await Promise.all([
    host.call(node.getInfo),
    host.call(connect.getVersion),
    host.call(connect.getType),
    host.call(connect.getHostname),
    host.call(connect.getAllDomainStats, { doms: [], stats: STATS_VCPU, flags: ACTIVE_ONLY | NO_WAIT }),
    hostUptime(),
  ])
  return {
    supportedInstances: capabilities.supportedInstances,
    vcpus: info.cpus,
    memoryMb: Math.floor(Number(info.memory) / KIB_PER_MIB),
    vcpusUsed: stats.reduce((sum, { params }) => sum + Number(paramValues(params)['vcpu.current'] ?? 0), 0),
    memoryMbUsed: Math.floor((totalmem() - freemem()) / 2 ** 20),
    hypervisorType: type,
    hypervisorVersion: Number(version),
    hypervisorHostname: hostname,
    cpuInfo: capabilities.cpu,
    traits: capabilityTraits({ architectures, display }),
    numaTopology: capabilities.cells,
    uptime,
  }
}

/** What the command `uptime` says, which clients take apart. */
async function hostUptime(): Promise<string> {
  const { stdout } = await run('uptime', [], { env: { ...process.env, LC_ALL: 'C' } })
  return stdout.trimEnd()
}
