// The host builds, moves or copies fewer servers than the option allows, or the host's aggregates.
import { aggregateNumber } from '../aggregate-values.ts'
import type { Filter, HostState, Verdict } from '../host-state.ts'
import type { FilterOptions } from './filter-options.ts'

const KEY = 'max_io_ops_per_host'

function lack({ numIoOps }: HostState, most: number): Verdict {
  if (numIoOps < most) return undefined
  const says = `${numIoOps} servers are being built, moved or copied there, ${most} may be`
  return { says, short: numIoOps + 1 - most }
}

export const ioOpsFilter = ({ max_io_ops_per_host: most }: FilterOptions): Filter => ({
  name: 'IoOpsFilter',
  reads: () => '',
  judge: (host) => lack(host, most),
})

export const aggregateIoOpsFilter = ({ max_io_ops_per_host: most }: FilterOptions): Filter => ({
  name: 'AggregateIoOpsFilter',
  reads: () => '',
  judge: (host) => lack(host, aggregateNumber(host, KEY, most)),
})
