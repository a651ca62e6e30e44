// A guest's figures in the standard form, from libvirt's bulk statistics.
import type { LibvirtHost } from '@kilonova/libvirt/host'
import { connect } from '@kilonova/libvirt/procedures/connect'
import { domainOf, type ParamValues, paramValues } from '@kilonova/libvirt/wire-types'
import { fault } from '../../faults.ts'
import type { GuestDiagnostics } from '../../hypervisor.ts'
import { POWER, type PowerState } from '../../power-state.ts'
import { powerStateOf } from './power-states.ts'

const WORDS: Record<PowerState, GuestDiagnostics['state']> = {
  [POWER.NOSTATE]: 'pending',
  [POWER.RUNNING]: 'running',
  [POWER.PAUSED]: 'paused',
  [POWER.SHUTDOWN]: 'shutdown',
  [POWER.CRASHED]: 'crashed',
  [POWER.SUSPENDED]: 'suspended',
}

const KIB_PER_MIB = 1024

export async function readDiagnostics(
  host: LibvirtHost,
  id: string,
  virtType: string,
  macs: readonly string[],
): Promise<GuestDiagnostics> {
  const [record] = await host.call(connect.getAllDomainStats, { doms: [domainOf(id)], stats: 0, flags: 0 })
  if (!record) throw fault('GuestNotFound', { id })
  return diagnosticsOf(paramValues(record.params), virtType, macs)
}

/** `macs`: of the interfaces in the domain's order; libvirt's figures name the taps only. */
export function diagnosticsOf(stats: ParamValues, virtType: string, macs: readonly string[]): GuestDiagnostics {
  const number = (key: string) => Number(stats[key] ?? 0)
  const count = (group: string) => Array.from({ length: number(`${group}.count`) }, (_, i) => `${group}.${i}`)
  const cpus = Array.from({ length: number('vcpu.current') }, (_, i) => `vcpu.${i}`)
  const nics = count('net')
  const disks = count('block')
  return {
    state: WORDS[powerStateOf(number('state.state'))],
    driver: 'libvirt',
    hypervisor: virtType,
    hypervisorOs: 'linux',
    numCpus: cpus.length,
    numNics: nics.length,
    numDisks: disks.length,
    cpuDetails: cpus.map((cpu, id) => ({ id, time: number(`${cpu}.time`) })),
    nicDetails: nics.map((nic, i) => ({
      target: String(stats[`${nic}.name`]),
      macAddress: macs[i] ?? '',
      rxOctets: number(`${nic}.rx.bytes`),
      rxErrors: number(`${nic}.rx.errs`),
      rxDrop: number(`${nic}.rx.drop`),
      rxPackets: number(`${nic}.rx.pkts`),
      txOctets: number(`${nic}.tx.bytes`),
      txErrors: number(`${nic}.tx.errs`),
      txDrop: number(`${nic}.tx.drop`),
      txPackets: number(`${nic}.tx.pkts`),
    })),
    diskDetails: disks.map((disk) => ({
      target: String(stats[`${disk}.name`]),
      readBytes: number(`${disk}.rd.bytes`),
      readRequests: number(`${disk}.rd.reqs`),
      writeBytes: number(`${disk}.wr.bytes`),
      writeRequests: number(`${disk}.wr.reqs`),
      errorsCount: null,
    })),
    memoryDetails: {
      maximum: Math.floor(number('balloon.maximum') / KIB_PER_MIB),
      used: Math.floor(number('balloon.current') / KIB_PER_MIB),
    },
    memoryStats: memoryStatsOf(stats),
  }
}

/** The balloon's figures by the names that virDomainMemoryStats gives them. */
function memoryStatsOf(stats: ParamValues): Record<string, number> {
  const NAMES: Record<string, string> = { current: 'actual', 'last-update': 'last_update' }
  const found = Object.entries(stats).flatMap(([key, value]) => {
    const [group, name = ''] = key.split('.')
    return group === 'balloon' && name !== 'maximum' ? [[NAMES[name] ?? name, Number(value)] as const] : []
  })
  return Object.fromEntries(found)
}
