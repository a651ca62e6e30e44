// Ports for servers, against the servers.
import type { AuditedPort } from '@kilonova/network/client'
import type { Finding, Looked } from './finding.ts'
import type { AuditedRecords } from './records.ts'

/** Pure. Ports of DHCP, routers and users' own devices are left alone. */
export function lookAtPorts(ports: readonly AuditedPort[], { servers, busy }: AuditedRecords): Looked {
  const findings = ports
    .filter(({ deviceId, deviceOwner }) => deviceOwner.startsWith('compute:') && !busy.has(deviceId))
    .flatMap(({ id, deviceId, host }): Finding[] => {
      const server = servers.get(deviceId)
      const where = host === null ? {} : { host }
      if (!server) return [{ kind: 'port', id, ...where, why: `its device ${deviceId} is no server` }]
      if (host === null || host === server.host) return []
      return [{ kind: 'port', id, ...where, why: `its server ${deviceId} lives on ${server.host ?? 'no host'}` }]
    })
  return { checked: { port: ports.length }, findings }
}
