// What is wrong with the NICs and groups that a server's requests name, in Nova's words: compute shows them as its own.
import type { FaultTable } from '@kilonova/base/fault'
import { faultsOf } from '@kilonova/base/fault'

interface Named {
  id: string
}

const bad = { status: 400, kind: '' } as const
const missing = { status: 404, kind: '' } as const
const conflict = { status: 409, kind: '' } as const

const nicFaults = {
  NicInvalid: { ...bad, say: ({ message }: { message: string }) => message },
  NicNetworkNotFound: { ...bad, say: ({ id }: Named) => `Network ${id} could not be found.` },
  NetworkAmbiguous: {
    ...conflict,
    say: () => 'Multiple possible networks found, use a Network ID to be more specific.',
  },
  UnableToAutoAllocateNetwork: {
    ...bad,
    say: ({ projectId }: { projectId: string | null }) =>
      `Unable to automatically allocate a network for project ${projectId}`,
  },
  NetworkRequiresSubnet: {
    ...bad,
    say: ({ id }: Named) => `Network ${id} requires a subnet in order to boot instances on.`,
  },
  ExternalNetworkAttachForbidden: {
    status: 403,
    kind: '',
    say: ({ id }: Named) => `It is not allowed to create an interface on external network ${id}`,
  },
  NicPortNotFound: { ...bad, say: ({ id }: Named) => `Port id ${id} could not be found.` },
  PortNotUsable: { ...bad, say: ({ id }: Named) => `Port ${id} not usable: it belongs to another project.` },
  PortRequiresFixedIP: { ...bad, say: ({ id }: Named) => `Port ${id} requires a FixedIP in order to be used.` },
  PortNamedTwice: { ...bad, say: ({ id }: Named) => `Port ${id} is named more than once.` },
  NicPortInUse: { ...conflict, say: ({ id }: Named) => `Port ${id} is still in use.` },
  FixedIpAlreadyInUse: {
    ...bad,
    say: ({ address, deviceId }: { address: string; deviceId: string }) =>
      `Fixed IP address ${address} is already in use on instance ${deviceId}.`,
  },
  NoMoreFixedIps: { ...bad, say: ({ id }: Named) => `No fixed IP addresses available for network: ${id}` },
  PortLimitExceeded: { status: 403, kind: '', say: () => 'Maximum number of ports exceeded' },
  NicSecurityGroupNotFound: {
    ...bad,
    say: ({ name, projectId }: { name: string; projectId: string | null }) =>
      `Security group ${name} not found for project ${projectId}.`,
  },
  SecurityGroupNotUnique: {
    ...conflict,
    say: ({ name }: { name: string }) =>
      `Multiple security_group matches found for name '${name}', use an ID to be more specific.`,
  },
  SecurityGroupCannotBeApplied: {
    ...bad,
    say: () => 'Network requires port_security_enabled and subnet associated in order to apply security groups.',
  },
  SecurityGroupOfServerNotFound: {
    ...missing,
    say: ({ name, projectId }: { name: string; projectId: string }) =>
      `Security group ${name} is not found for project ${projectId}`,
  },
  SecurityGroupNotOnServer: {
    ...missing,
    say: ({ nameOrId, serverId }: { nameOrId: string; serverId: string }) =>
      `Security group ${nameOrId} not associated with the instance ${serverId}`,
  },
  ServerHasNoPorts: {
    ...missing,
    say: ({ id }: Named) => `instance_id ${id} could not be found as device id on any ports`,
    mend: () => 'Attach an interface to the server first.',
  },
} satisfies FaultTable

export const fault = faultsOf(nicFaults)
