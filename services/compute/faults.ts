// Every error of compute that a caller may see.
import type { FaultTable } from '@kilonova/base/fault'
import { faultsOf } from '@kilonova/base/fault'

interface Named {
  id: string
}
interface Said {
  message: string
}
interface Over {
  over: string[]
  requested: number[]
  used: number[]
  allowed: number[]
}
export interface NotPlaced {
  /** One sentence on what was missing. */
  why: string
  /** Per filter, in order: how many hosts it removed, and what the nearest one lacked. */
  removed: { filter: string; hosts: number; nearest: string | null }[]
}

const badRequest = { status: 400, kind: 'badRequest' } as const
const forbidden = { status: 403, kind: 'forbidden' } as const
const notFound = { status: 404, kind: 'itemNotFound' } as const
const conflict = { status: 409, kind: 'conflictingRequest' } as const
const overQuota = ({ over, requested, used, allowed }: Over): string =>
  `Quota exceeded for ${over.join(', ')}: Requested ${requested.join(', ')}, but already used ${used.join(', ')} of ${allowed.join(', ')} ${over.join(', ')}`

const cannotOnAggregate = ({ action, id, why }: Named & { action: string; why: string }): string =>
  `Cannot ${action} aggregate ${id}. Reason: ${why}`

export const computeFaults = {
  BadRequest: { ...badRequest, say: ({ message }: Said) => message },
  NoSuchDocument: { ...notFound, say: () => 'The resource could not be found.' },
  InstanceNotFound: { ...notFound, say: ({ id }: Named) => `Instance ${id} could not be found.` },
  InstanceIsLocked: { ...conflict, say: ({ id }: Named) => `Instance ${id} is locked` },
  InstanceInvalidState: {
    ...conflict,
    say: ({ id, action, attribute, state }: Named & { action: string; attribute: string; state: string }) =>
      `Cannot '${action}' instance ${id} while it is in ${attribute} ${state}`,
    mend: ({ attribute }: { attribute: string }) =>
      attribute === 'task_state'
        ? 'Wait until the running operation has ended.'
        : 'Bring it into a state that allows this.',
  },
  InstanceNotReady: { ...conflict, say: ({ id }: Named) => `Instance ${id} is not ready` },
  FlavorNotFound: { ...notFound, say: ({ id }: Named) => `Flavor ${id} could not be found.` },
  FlavorNameExists: { ...conflict, say: ({ name }: { name: string }) => `Flavor with name ${name} already exists.` },
  FlavorIdExists: { ...conflict, say: ({ id }: Named) => `Flavor with ID ${id} already exists.` },
  FlavorAccessNotForPublic: { ...notFound, say: () => 'Access list not available for public flavors.' },
  FlavorAccessPublic: { ...conflict, say: () => 'Can not add access to a public flavor.' },
  FlavorAccessExists: {
    ...conflict,
    say: ({ id, projectId }: Named & { projectId: string }) =>
      `Flavor access already exists for flavor ${id} and project ${projectId} combination.`,
  },
  FlavorAccessNotFound: {
    ...notFound,
    say: ({ id, projectId }: Named & { projectId: string }) =>
      `Flavor access not found for ${id} / ${projectId} combination.`,
  },
  FlavorExtraSpecNotFound: {
    ...notFound,
    say: ({ id, key }: Named & { key: string }) => `Flavor ${id} has no extra specs with key ${key}.`,
  },
  KeypairNotFound: {
    ...notFound,
    say: ({ name, userId }: { name: string; userId: string }) => `Keypair ${name} not found for user ${userId}`,
  },
  KeypairExists: { ...conflict, say: ({ name }: { name: string }) => `Key pair '${name}' already exists.` },
  InvalidKeypair: { ...badRequest, say: ({ why }: { why: string }) => `Keypair data is invalid: ${why}` },
  TooManyKeypairs: { ...forbidden, say: () => 'Quota exceeded, too many key pairs.' },
  ServiceNotFound: { ...notFound, say: ({ id }: Named) => `Service ${id} could not be found.` },
  ServiceInUse: {
    ...conflict,
    say: () => 'Unable to delete compute service that is hosting instances. Migrate or delete the instances first.',
  },
  HostBinaryNotFound: {
    ...notFound,
    say: ({ host, binary }: { host: string; binary: string }) => `Could not find binary ${binary} on host ${host}.`,
  },
  UnknownServiceAction: { ...notFound, say: () => 'Unknown action' },
  HostNotFound: { ...notFound, say: ({ host }: { host: string }) => `Compute host ${host} could not be found.` },
  ComputeServiceUnavailable: {
    ...badRequest,
    say: ({ host }: { host: string }) => `Compute service of ${host} is unavailable at this time.`,
  },
  HypervisorNotFound: { ...notFound, say: ({ id }: Named) => `Hypervisor with ID '${id}' could not be found.` },
  NoHypervisorMatches: {
    ...notFound,
    say: ({ pattern }: { pattern: string }) => `No hypervisor matching '${pattern}' could be found.`,
  },
  AggregateNotFound: { ...notFound, say: ({ id }: Named) => `Aggregate ${id} could not be found.` },
  AggregateNameExists: { ...conflict, say: ({ name }: { name: string }) => `Aggregate ${name} already exists.` },
  AggregateHostExists: {
    ...conflict,
    say: ({ id, host }: Named & { host: string }) => `Aggregate ${id} already has host ${host}.`,
  },
  AggregateHostNotFound: {
    ...notFound,
    say: ({ id, host }: Named & { host: string }) => `Aggregate ${id} has no host ${host}.`,
  },
  AggregateActionRefused: { ...badRequest, say: cannotOnAggregate },
  AggregateHostRefused: { ...conflict, say: cannotOnAggregate },
  ImageNotFound: { ...notFound, say: ({ id }: Named) => `Image ${id} could not be found.` },
  ServerGroupNotFound: { ...notFound, say: ({ id }: Named) => `Instance group ${id} could not be found.` },
  ServerGroupInRequestNotFound: { ...badRequest, say: ({ id }: Named) => `Instance group ${id} could not be found.` },
  TooManyServerGroups: { ...forbidden, say: () => 'Quota exceeded, too many server groups.' },
  TooManyServersInGroup: { ...forbidden, say: () => 'Quota exceeded, too many servers in group' },
  MetadataItemNotFound: { ...notFound, say: () => 'Metadata item was not found' },
  TagNotFound: {
    ...notFound,
    say: ({ id, tag }: Named & { tag: string }) => `Instance ${id} has no tag '${tag}'`,
  },
  InvalidTag: {
    ...badRequest,
    say: ({ tag }: { tag: string }) =>
      `Tag '${tag}' is invalid. It must be a non empty string without characters '/' and ','.`,
  },
  TagTooLong: {
    ...badRequest,
    say: ({ tag, most }: { tag: string; most: number }) =>
      `Tag '${tag}' is too long. Maximum length of a tag is ${most}`,
  },
  TooManyTags: {
    ...badRequest,
    say: ({ most }: { most: number }) => `The number of tags exceeded the per-server limit ${most}`,
  },
  MetadataLimit: {
    ...forbidden,
    say: ({ allowed }: { allowed: number }) => `Maximum number of metadata items exceeds ${allowed}`,
  },
  ActionNotFound: {
    ...notFound,
    say: ({ requestId, id }: Named & { requestId: string }) =>
      `Action ${requestId} of instance ${id} could not be found.`,
  },
  MarkerNotFound: { ...badRequest, say: ({ marker }: { marker: string }) => `marker [${marker}] not found` },
  OverQuota: { ...forbidden, say: overQuota },
  QuotaBelowUsage: {
    ...badRequest,
    say: ({ resource, limit, used }: { resource: string; limit: number; used: number }) =>
      `Quota limit ${limit} for ${resource} must be greater than or equal to already used and reserved ${used}.`,
  },
  NoUserQuota: {
    ...badRequest,
    say: () => 'Quotas of single users are not supported; set the quota of the project, without user_id.',
  },
  ImageNotActive: {
    ...badRequest,
    say: ({ id, status }: Named & { status: string }) => `Image ${id} is not active: it is ${status}.`,
  },
  ImageInRequestNotFound: { ...badRequest, say: ({ id }: Named) => `Can not find requested image ${id}.` },
  FlavorInRequestNotFound: { ...badRequest, say: ({ id }: Named) => `Flavor ${id} could not be found.` },
  FlavorMemoryTooSmall: { ...badRequest, say: () => "Flavor's memory is too small for requested image." },
  FlavorDiskTooSmall: {
    ...badRequest,
    say: ({ flavorGb, imageGb }: { flavorGb: number; imageGb: number }) =>
      `Flavor's disk is too small for requested image. Flavor disk is ${flavorGb * 1024 ** 3} bytes, image is ${imageGb * 1024 ** 3} bytes.`,
  },
  KeypairInRequestNotFound: {
    ...badRequest,
    say: ({ name }: { name: string }) => `Invalid key_name provided: no key pair '${name}'.`,
  },
  AvailabilityZoneUnknown: { ...badRequest, say: () => 'The requested availability zone is not available' },
  UserDataTooLarge: {
    ...badRequest,
    say: ({ most }: { most: number }) =>
      `User data too large. User data must be no larger than ${most} bytes once base64 encoded.`,
  },
  ZeroDiskFlavor: { ...forbidden, say: () => 'Only volume-backed servers are allowed for flavors with zero disk.' },
  NoValidHost: {
    status: 500,
    kind: 'computeFault',
    say: ({ why }: NotPlaced) => `No valid host was found. ${why}`,
    mend: () => 'Ask for less, add a host, or read which filter removed which host with: kilonova explain SERVER.',
  },
  MaxRetriesExceeded: {
    status: 500,
    kind: 'computeFault',
    say: ({ id, attempts }: Named & { attempts: number; last: string }) =>
      `Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance ${id} after ${attempts} attempts.`,
    mend: ({ last }: { last: string }) => `The last failure: ${last}`,
  },
  VirtualInterfaceTimeout: {
    status: 500,
    kind: 'computeFault',
    say: ({ seconds, ports }: { seconds: number; ports: string[] }) =>
      `Virtual Interface creation failed: ports ${ports.join(', ')} did not become active within ${seconds} s.`,
    mend: () => 'Look at the network agent of the host: kilonova doctor.',
  },
  GuestNotRunning: {
    status: 500,
    kind: 'computeFault',
    say: ({ id }: Named) => `The guest of instance ${id} does not run after its start.`,
  },
} satisfies FaultTable

export const fault = faultsOf(computeFaults)
