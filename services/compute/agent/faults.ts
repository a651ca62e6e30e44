// What can go wrong on a host, as the conductor sees it.
import { type FaultTable, faultsOf } from '@kilonova/base/fault'

export const agentFaults = {
  GuestNotFound: {
    status: 404,
    kind: 'itemNotFound',
    say: ({ id }: { id: string }) => `Instance ${id} is not defined on this host.`,
  },
  GuestBusy: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ id, why }: { id: string; why: string }) => `Instance ${id} is busy: ${why}`,
  },
  GuestNotOurs: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ name }: { name: string }) => `The host already has a domain ${name} that does not belong to this cloud.`,
    mend: ({ name }: { name: string }) => `Look at it with: virsh dumpxml ${name}. Remove or rename it.`,
  },
  GuestInvalid: {
    status: 400,
    kind: 'badRequest',
    say: ({ why }: { why: string }) => `The guest cannot be made: ${why}.`,
  },
  HypervisorUnreachable: {
    status: 503,
    kind: 'serviceUnavailable',
    say: ({ why }: { why: string; transient: true }) => `Connection to the hypervisor is broken on host: ${why}`,
    mend: () => 'Check that libvirtd runs: systemctl status libvirtd.',
  },
  HypervisorFailed: {
    status: 500,
    kind: 'computeFault',
    say: ({ why }: { why: string }) => `The hypervisor refused: ${why}`,
  },
  HostOutOfRoom: {
    status: 507,
    kind: 'computeFault',
    say: ({ path }: { path: string }) => `No space left on the host for ${path}.`,
    mend: ({ path }: { path: string }) => `Free space on the file system of ${path}.`,
  },
  ImageUnacceptable: {
    status: 400,
    kind: 'badRequest',
    say: ({ image, why }: { image: string; why: string }) => `Image ${image} is unacceptable: ${why}`,
  },
  ImageNotCached: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ image }: { image: string }) => `Image ${image} has not been prepared on this host.`,
  },
  FlavorDiskSmallerThanImage: {
    status: 400,
    kind: 'badRequest',
    say: ({ flavorBytes, imageBytes }: { flavorBytes: number; imageBytes: number }) =>
      "Flavor's disk is too small for requested image. " +
      `Flavor disk is ${flavorBytes} bytes, image is ${imageBytes} bytes.`,
  },
  VifPlugFailed: {
    status: 500,
    kind: 'computeFault',
    say: ({ port }: { port: string }) => `Virtual Interface creation failed for port ${port}.`,
  },
} satisfies FaultTable

export const fault = faultsOf(agentFaults)

/** Faults that would come back on every host: a build that meets one is not tried elsewhere. */
export const HOPELESS = ['GuestInvalid', 'ImageUnacceptable', 'FlavorDiskSmallerThanImage']
