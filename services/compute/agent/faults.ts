// What can go wrong on a host, as the conductor sees it.
import { type FaultTable, faultsOf } from '@kilonova/base/fault'
import type { PowerState } from './power-state.ts'

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
  GuestsLeft: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ host }: { host: string }) => `Host ${host} may still run guests of servers that live elsewhere now.`,
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
  GuestAgentSilent: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ id }: { id: string }) => `The agent inside instance ${id} does not answer.`,
    mend: () => 'Start qemu-guest-agent in the guest, then ask again.',
  },
  GuestOff: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ id, powerState }: { id: string; powerState: PowerState }) =>
      `Instance ${id} is not running: its power state is ${powerState}.`,
  },
  ConsoleUnavailable: {
    status: 400,
    kind: 'badRequest',
    say: ({ id, kind }: { id: string; kind: string }) => `Instance ${id} has no ${kind} console.`,
  },
  HypervisorUnreachable: {
    status: 503,
    kind: 'serviceUnavailable',
    say: ({ why }: { why: string; transient: true }) => `Connection to the hypervisor is broken on host: ${why}`,
    mend: () => 'Check that libvirtd runs: systemctl status libvirtd.',
  },
  HostStopping: {
    status: 503,
    kind: 'serviceUnavailable',
    say: ({ host }: { host: string; transient: true }) => `The compute agent of host ${host} is being stopped.`,
    mend: () => 'Start it again; the operation goes on by itself.',
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
  DiskLooksLikeImage: {
    status: 415,
    kind: 'badRequest',
    say: ({ id, why }: { id: string; why: string }) =>
      `The disk of instance ${id} cannot become an image: its guest has written what looks like an image of another kind onto it. ${why}`,
    mend: () =>
      'Overwrite the first sector of the disk inside the guest; or set snapshot_image_format = "qcow2" on its host.',
  },
  BackendUnavailable: {
    status: 503,
    kind: 'computeFault',
    say: ({ backend, why }: { backend: string; why: string; fix: string }) =>
      `Disks of images_type ${backend} cannot be made on this host: ${why}`,
    mend: ({ fix }: { fix: string }) => fix,
  },
  FileSystemUnavailable: {
    status: 503,
    kind: 'computeFault',
    say: ({ type, program }: { type: string; program: string }) =>
      `File systems of type ${type} cannot be made on this host: ${program} is not installed`,
    mend: ({ program }: { program: string }) => `Install the package that has ${program} on the host.`,
  },
  IsolatedDiskRefused: {
    status: 500,
    kind: 'computeFault',
    say: ({ why }: { why: string }) => `No isolated disk of this host can be used: ${why}`,
    mend: () => 'Look at the device on the host, or take it out of isolated_disks.',
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
  ResizeError: {
    status: 400,
    kind: 'badRequest',
    say: ({ why }: { why: string }) => `Resize error: ${why}`,
  },
  QuiesceNotPossible: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ id, why }: { id: string; why: string }) => `Quiescing is not possible in instance ${id}: ${why}`,
    mend: () => 'Start the guest agent in the guest, or take os_require_quiesce from its image.',
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
