// The domain's <metadata>: what the server is, as Nova writes it, and which cloud it belongs to.
import { isIPv6 } from 'node:net'
import type { GuestSpec } from '../../guest-spec.ts'
import { type Element, element } from './xml.ts'

/** The namespace of our own block; a domain is ours when its `cloud` attribute is our tag. */
export const CLOUD_NAMESPACE = 'urn:kilonova:libvirt:guest:1'
const NOVA_NAMESPACE = 'http://openstack.org/xmlns/libvirt/nova/1.1'

export function metadataElement(guest: GuestSpec, cloudTag: string): Element {
  return element(
    'metadata',
    {},
    novaInstance(guest),
    element('kilonova:guest', { 'xmlns:kilonova': CLOUD_NAMESPACE, cloud: cloudTag }),
  )
}

function novaInstance(guest: GuestSpec): Element {
  const { flavor } = guest
  return element(
    'nova:instance',
    { 'xmlns:nova': NOVA_NAMESPACE },
    element('nova:name', {}, guest.displayName),
    element('nova:creationTime', {}, guest.createdAt),
    element(
      'nova:flavor',
      { name: flavor.name },
      element('nova:memory', {}, flavor.memoryMb),
      element('nova:disk', {}, flavor.rootGb),
      element('nova:swap', {}, flavor.swapMb),
      element('nova:ephemeral', {}, flavor.ephemeralGb),
      element('nova:vcpus', {}, flavor.vcpus),
    ),
    element(
      'nova:owner',
      {},
      element('nova:user', { uuid: guest.userId }, guest.userName),
      element('nova:project', { uuid: guest.projectId }, guest.projectName),
    ),
    guest.image ? element('nova:root', { type: 'image', uuid: guest.image.id }) : undefined,
    element('nova:ports', {}, guest.vifs.map(port)),
  )
}

function port(vif: GuestSpec['vifs'][number]): Element {
  const ips = vif.network.subnets.flatMap((subnet) => subnet.ips)
  return element(
    'nova:port',
    { uuid: vif.portId },
    ips.map(({ address }) => element('nova:ip', { type: 'fixed', address, ipVersion: isIPv6(address) ? '6' : '4' })),
  )
}
