// Refuses what could not have come from a sane network service, before it becomes text for ip, nft or dnsmasq.
import { isUuid } from '@kilonova/base/ids'
import ipaddr from 'ipaddr.js'
import { fault } from './faults.ts'
import type {
  ExternalNetwork,
  FixedIp,
  OwnPort,
  RouterPort,
  WiredNetwork,
  WiredPort,
  WiredRouter,
  WiredSecurityGroup,
} from './protocol.ts'

const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i

function need(ok: boolean, what: string): void {
  if (!ok) throw fault('WiredStateInvalid', { what })
}

const needId = (id: string, kind: string): void => need(isUuid(id), `${kind} id ${JSON.stringify(id)} is no uuid`)
const needMac = (mac: string, of: string): void =>
  need(MAC.test(mac), `${JSON.stringify(mac)} of ${of} is no MAC address`)
const needAddress = (address: string, of: string): void =>
  need(ipaddr.isValid(address) && !address.includes('%'), `${JSON.stringify(address)} of ${of} is no address`)
const needCidr = (cidr: string, of: string): void =>
  need(
    /^[0-9a-f.:]+\/\d{1,3}$/i.test(cidr) && ipaddr.isValidCIDR(cidr),
    `${JSON.stringify(cidr)} of ${of} is no prefix`,
  )

function needFixedIps(fixedIps: readonly FixedIp[], of: string): void {
  for (const { ipAddress } of fixedIps) needAddress(ipAddress, of)
}

function needOwnPort(port: OwnPort, of: string): void {
  needId(port.portId, 'port')
  needMac(port.macAddress, of)
  needFixedIps(port.fixedIps, of)
}

export function checkNetwork(network: WiredNetwork, external?: ExternalNetwork | null): void {
  const of = `network ${network.id}`
  needId(network.id, 'network')
  need(Number.isInteger(network.mtu) && network.mtu >= 68 && network.mtu <= 65535, `mtu ${network.mtu} of ${of}`)
  for (const { id, cidr, gatewayIp } of network.subnets) {
    needId(id, 'subnet')
    needCidr(cidr, of)
    if (gatewayIp !== null) needAddress(gatewayIp, of)
  }
  if (network.dhcp) needOwnPort(network.dhcp, of)
  for (const cidr of external?.gatewayCidrs ?? []) needCidr(cidr, of)
}

export function checkPort(port: WiredPort): void {
  const of = `port ${port.id}`
  needId(port.id, 'port')
  needId(port.networkId, 'network')
  for (const id of port.securityGroupIds) needId(id, 'security group')
  needMac(port.macAddress, of)
  needFixedIps(port.fixedIps, of)
}

export function checkGroup(group: WiredSecurityGroup): void {
  needId(group.id, 'security group')
  for (const { id, remoteGroupId } of group.rules) {
    needId(id, 'security group rule')
    if (remoteGroupId !== null) needId(remoteGroupId, 'security group')
  }
}

export function checkRouter(router: WiredRouter): void {
  const of = `router ${router.id}`
  needId(router.id, 'router')
  const ports: RouterPort[] = [...router.interfaces, ...(router.gateway ? [router.gateway] : [])]
  for (const port of ports) {
    needId(port.networkId, 'network')
    needOwnPort(port, of)
  }
  for (const { floatingIp, fixedIp } of router.floatingIps) {
    needAddress(floatingIp, of)
    needAddress(fixedIp, of)
  }
}
