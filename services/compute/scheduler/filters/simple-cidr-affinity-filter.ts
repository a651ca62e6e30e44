// Hints: the host's address is in the network of build_near_host_ip and cidr.
import { BlockList, isIP } from 'node:net'
import type { Filter } from '../host-state.ts'

const WHOLE = { 4: 32, 6: 128 }

export const simpleCidrAffinityFilter: Filter = {
  name: 'SimpleCIDRAffinityFilter',
  reads: ({ hints }) => (hints['build_near_host_ip'] === undefined ? null : undefined),
  judge({ hostIp }, { hints }) {
    const [near] = [hints['build_near_host_ip']].flat()
    if (typeof near !== 'string' || near === '') return undefined
    const [cidr = '/24'] = [hints['cidr']].flat() as [string | undefined]
    return hostIp !== null && isIn(hostIp, near, cidr) ? undefined : `its address ${hostIp} is not in ${near}${cidr}`
  },
}

function isIn(address: string, near: string, cidr: string): boolean {
  const version = isIP(near) as 0 | 4 | 6
  const prefix = /^\/\d{1,3}$/.test(cidr) ? Number(cidr.slice(1)) : Number.NaN
  if (version === 0 || isIP(address) !== version || !(prefix <= WHOLE[version])) return false
  const family = `ipv${version}` as const
  const network = new BlockList()
  network.addSubnet(near, prefix, family)
  return network.check(address, family)
}
