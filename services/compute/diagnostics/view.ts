// A guest's figures as the API shows them: the form of 2.48, and before that libvirt's own words.
import type { GuestDiagnostics } from '../agent/protocol.ts'
import type { ServerRow } from '../schema/tables.ts'

/** What nobody measures is null. */
export function standardFigures(figures: GuestDiagnostics, row: ServerRow, now: number): object {
  const { state, driver, hypervisor, hypervisorOs, cpuDetails, nicDetails, diskDetails, memoryDetails } = figures
  return {
    state,
    driver,
    hypervisor,
    hypervisor_os: hypervisorOs,
    uptime: row.launched_at === null ? null : Math.max(0, Math.floor((now - row.launched_at) / 1000)),
    config_drive: row.config_drive === 1,
    num_cpus: figures.numCpus,
    num_nics: figures.numNics,
    num_disks: figures.numDisks,
    memory_details: { maximum: memoryDetails.maximum, used: memoryDetails.used },
    cpu_details: cpuDetails.map(({ id, time }) => ({ id, time, utilisation: null })),
    nic_details: nicDetails.map((nic) => ({
      mac_address: nic.macAddress,
      rx_octets: nic.rxOctets,
      rx_errors: nic.rxErrors,
      rx_drop: nic.rxDrop,
      rx_packets: nic.rxPackets,
      rx_rate: null,
      tx_octets: nic.txOctets,
      tx_errors: nic.txErrors,
      tx_drop: nic.txDrop,
      tx_packets: nic.txPackets,
      tx_rate: null,
    })),
    disk_details: diskDetails.map((disk) => ({
      read_bytes: disk.readBytes,
      read_requests: disk.readRequests,
      write_bytes: disk.writeBytes,
      write_requests: disk.writeRequests,
      errors_count: disk.errorsCount,
    })),
  }
}

const KIB_PER_MIB = 1024
/** What libvirt says for a count that it does not have. */
const UNKNOWN = -1

/** One number for each thing, by names made of the guest's devices. Memory is in KiB. */
export function libvirtFigures(figures: GuestDiagnostics): Record<string, number | null> {
  const { cpuDetails, nicDetails, diskDetails, memoryDetails, memoryStats } = figures
  return {
    ...Object.fromEntries(cpuDetails.map(({ id, time }) => [`cpu${id}_time`, time])),
    ...Object.assign({}, ...diskDetails.map(diskFigures)),
    memory: memoryDetails.maximum * KIB_PER_MIB,
    ...Object.fromEntries(Object.entries(memoryStats).map(([name, value]) => [`memory-${name}`, value])),
    ...Object.assign({}, ...nicDetails.map(nicFigures)),
  }
}

function diskFigures({ target, ...disk }: GuestDiagnostics['diskDetails'][number]): Record<string, number> {
  return {
    [`${target}_read_req`]: disk.readRequests,
    [`${target}_read`]: disk.readBytes,
    [`${target}_write_req`]: disk.writeRequests,
    [`${target}_write`]: disk.writeBytes,
    [`${target}_errors`]: disk.errorsCount ?? UNKNOWN,
  }
}

function nicFigures({ target, ...nic }: GuestDiagnostics['nicDetails'][number]): Record<string, number> {
  return {
    [`${target}_rx`]: nic.rxOctets,
    [`${target}_rx_packets`]: nic.rxPackets,
    [`${target}_rx_errors`]: nic.rxErrors,
    [`${target}_rx_drop`]: nic.rxDrop,
    [`${target}_tx`]: nic.txOctets,
    [`${target}_tx_packets`]: nic.txPackets,
    [`${target}_tx_errors`]: nic.txErrors,
    [`${target}_tx_drop`]: nic.txDrop,
  }
}
