// What can go wrong on a host in ways that its operator can mend.
import { faultsOf } from '@kilonova/base/fault'

export const fault = faultsOf({
  NetworkHostNotReady: {
    status: 503,
    kind: 'ServiceUnavailable',
    say: ({ what }: { what: string; mend: string }) => `This host cannot carry networks: ${what}.`,
    mend: ({ mend }) => mend,
  },
  DeviceNameTaken: {
    status: 409,
    kind: 'Conflict',
    say: ({ device, owner }: { device: string; owner: string }) => `The device ${device} belongs to ${owner}.`,
    mend: ({ device }) => `Find out who made it (ip -d link show ${device}) and remove it, or use another port.`,
  },
  WiredStateInvalid: {
    status: 400,
    kind: 'BadRequest',
    say: ({ what }: { what: string }) => `The network service sent a state that no host can take: ${what}.`,
  },
  NetworkNotWired: {
    status: 409,
    kind: 'Conflict',
    say: ({ id, by }: { id: string; by: string }) => `Network ${id} of ${by} is not known to this host.`,
    mend: () => 'It comes with the next reconcile; if it does not, the network service does not count it to this host.',
  },
})
