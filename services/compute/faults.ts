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
/** No host at all; none that takes servers; those that suit are full; none suits, however much room there were. */
export type Lack = 'no_host' | 'no_host_up' | 'no_capacity' | 'constraint'
export interface NotPlaced {
  lack: Lack
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

const NO_VOLUMES =
  'This cloud has no volume service: boot from an image by imageRef, and ask for more disks within the ephemeral and ' +
  'swap of the flavor, by source_type blank and destination_type local.'

const cannotOnAggregate = ({ action, id, why }: Named & { action: string; why: string }): string =>
  `Cannot ${action} aggregate ${id}. Reason: ${why}`

const MENDS: Record<Lack, string> = {
  no_host: 'Start a compute host.',
  no_host_up: 'Bring up or enable a compute host: openstack compute service list.',
  no_capacity: 'Ask for less, free some of it, or add a host.',
  constraint: 'Ask for what a host can give: kilonova explain SERVER tells which filter removed which host.',
}

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
  GuestAgentNotEnabled: {
    ...conflict,
    say: () => 'QEMU guest agent is not enabled',
    mend: () => 'Use an image with a guest agent inside and the property hw_qemu_guest_agent=yes.',
  },
  InvalidBDMFormat: {
    ...badRequest,
    say: ({ details }: { details: string }) => `Block Device Mapping is Invalid: ${details}`,
  },
  InvalidBDMVolume: {
    ...badRequest,
    say: ({ what }: { what: string }) => `Block Device Mapping is Invalid: ${what}. ${NO_VOLUMES}`,
  },
  InvalidBDMBootSequence: {
    ...badRequest,
    say: () =>
      'Block Device Mapping is Invalid: Boot sequence for the instance and image/block device mapping combination is ' +
      'not valid. Exactly one device must have boot_index 0, and it must be the image of imageRef ' +
      '(source_type image, destination_type local); others have none, or 1, 2 and so on.',
  },
  InvalidBDMDiskBus: {
    ...badRequest,
    say: ({ bus, buses }: { bus: string; buses: readonly string[] }) =>
      `Block Device Mapping is invalid: The provided disk bus ${bus} is not valid. Use one of ${buses.join(', ')}.`,
  },
  InvalidBDMEphemeralSize: {
    ...badRequest,
    say: ({ askedGb, flavorGb }: { askedGb: number; flavorGb: number }) =>
      'Ephemeral disks requested are larger than the instance type allows. If no size is given in one block device ' +
      `mapping, flavor ephemeral size will be used. Asked for are ${askedGb} GB, the flavor has ${flavorGb} GB.`,
  },
  InvalidBDMSwapSize: {
    ...badRequest,
    say: ({ askedMb, flavorMb }: { askedMb: number; flavorMb: number }) =>
      'Swap drive requested is larger than instance type allows. ' +
      `Asked for are ${askedMb} MB, the flavor has ${flavorMb} MB.`,
  },
  InvalidBDMLocalsLimit: {
    ...badRequest,
    say: ({ asked, most }: { asked: number; most: number }) =>
      'Block Device Mapping is Invalid: You specified more local devices than the limit allows. ' +
      `The server would have ${asked}, at most ${most} are allowed (max_local_block_devices).`,
  },
  PortNotFound: { ...notFound, say: ({ id }: Named) => `Port id ${id} could not be found.` },
  SecurityGroupNotFound: { ...notFound, say: ({ id }: Named) => `Security group ${id} does not exist` },
  NoNetworkToAttach: {
    ...badRequest,
    say: ({ projectId }: { projectId: string }) =>
      `No specific network was requested and none are available for project '${projectId}'.`,
    mend: () => 'Create a network with a subnet, or name one that is shared.',
  },
  InterfaceAttachFailed: {
    status: 500,
    kind: 'computeFault',
    say: ({ id }: Named) => `Failed to attach network adapter device to ${id}`,
    mend: ({ id }: Named) => `./kilonova explain ${id} tells what failed.`,
  },
  InstanceNotReady: { ...conflict, say: ({ id }: Named) => `Instance ${id} is not ready` },
  NodeRefused: {
    ...conflict,
    say: ({ host, node, why }: { host: string; node: string; why: string }) =>
      `Host ${host} is not let in as compute node ${node}: ${why}.`,
    mend: () =>
      "Put the former uuid back into the host's file compute_id; or, if it is to be a new host, give it a new name, or delete or move its servers.",
  },
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
  TooManyInjectedFiles: { ...forbidden, say: () => 'Personality file limit exceeded' },
  InjectedFilePathTooLong: {
    ...forbidden,
    say: ({ allowed }: { allowed: number }) => `Personality file path exceeds maximum ${allowed}`,
  },
  InjectedFileTooLarge: {
    ...forbidden,
    say: ({ allowed }: { allowed: number }) => `Personality file content exceeds maximum ${allowed}`,
  },
  UnsupportedRescueImage: {
    ...badRequest,
    say: ({ image }: { image: string }) => `Requested rescue image '${image}' is not supported`,
    mend: () => 'Name an image that is active and that you can see.',
  },
  OperationNotSupportedForVTPM: {
    ...badRequest,
    say: ({ id, operation }: Named & { operation: string }) =>
      `Operation '${operation}' not supported for vTPM-enabled instance (${id}).`,
  },
  ServiceUnavailable: {
    ...conflict,
    say: () => 'Service is unavailable at this time.',
    mend: () => "Bring the compute service of the server's host up, or wait until it is.",
  },
  CannotResizeToSameFlavor: { ...badRequest, say: () => 'When resizing, instances must change flavor!' },
  CannotResizeDisk: {
    ...badRequest,
    say: ({ why }: { why: string }) => `Server disk was unable to be resized because: ${why}`,
  },
  CannotMigrateToSameHost: { ...badRequest, say: () => 'Cannot migrate to the host where the server exists.' },
  ComputeHostInRequestNotFound: {
    ...badRequest,
    say: ({ host }: { host: string }) => `Compute host ${host} could not be found.`,
  },
  IsolatedDiskCannotMove: {
    ...badRequest,
    say: ({ id, disk }: Named & { disk: string }) =>
      `Instance ${id} cannot be resized or migrated: its disk ${disk} is a whole device of its host.`,
    mend: () => 'Make a new server of the other flavor and copy what it holds.',
  },
  ComputeServiceInUse: {
    ...badRequest,
    say: ({ host }: { host: string }) => `Compute service of ${host} is still in use.`,
    mend: () => 'Migrate the server; evacuate it once its host is down for good, or an admin says so (forced_down).',
  },
  EvacuateToSameHost: { ...badRequest, say: () => "The target host can't be the same one." },
  EvacuateHostNotFound: { ...notFound, say: ({ host }: { host: string }) => `Compute host ${host} not found.` },
  ForceWithoutHost: { ...badRequest, say: () => "Can't force to a non-provided destination" },
  NoPasswordOnSharedStorage: { ...badRequest, say: () => "admin password can't be changed on existing disk" },
  NoSharedStorage: {
    ...badRequest,
    say: () => 'Invalid state of instance files on shared storage',
    mend: () => 'Disks lie on their hosts: ask with onSharedStorage False, and they are made anew from the image.',
  },
  CannotEvacuate: {
    ...badRequest,
    say: ({ id, why }: Named & { why: string }) => `Instance ${id} cannot be evacuated: ${why}`,
    mend: () => 'Bring its host up again, or delete the server.',
  },
  NotOnEvacuatedHost: {
    ...conflict,
    say: ({ id, host }: Named & { host: string }) => `Instance ${id} does not live on host ${host} any more.`,
    mend: () => 'Ask again if the host that it lives on now is down, too.',
  },
  NotResized: { ...badRequest, say: () => 'Instance has not been resized.' },
  MigrationNotFound: {
    ...notFound,
    say: ({ id, server }: Named & { server: string }) =>
      `In-progress live migration ${id} is not found for server ${server}.`,
  },
  MigrationNotLive: {
    ...notFound,
    say: ({ id, server }: Named & { server: string }) => `Migration ${id} for server ${server} is not live-migration.`,
  },
  MigrationNotInProgress: {
    ...notFound,
    say: ({ id, server }: Named & { server: string }) =>
      `Live migration ${id} for server ${server} is not in progress.`,
  },
  PageMarkerNotFound: {
    ...badRequest,
    say: ({ marker }: { marker: string }) => `Marker ${marker} could not be found.`,
  },
  ZeroDiskFlavor: { ...forbidden, say: () => 'Only volume-backed servers are allowed for flavors with zero disk.' },
  ConsoleTypeUnavailable: {
    ...badRequest,
    say: ({ type }: { type: string }) => `Unavailable console type ${type}.`,
  },
  ConsoleTypeInvalid: { ...badRequest, say: ({ type }: { type: string }) => `Invalid console type ${type}` },
  ConsoleTokenNotFound: { ...notFound, say: () => 'Token not found' },
  RdpConsoleGone: {
    status: 410,
    kind: 'computeFault',
    say: () => 'RDP consoles were those of a hypervisor that is no longer supported. Ask for a vnc console.',
  },
  ApiRemoved: {
    status: 410,
    kind: 'computeFault',
    say: () => 'This resource is no longer available. No forwarding address is given.',
  },
  FeatureNotSupported: {
    status: 501,
    kind: 'notImplemented',
    say: () => 'The requested functionality is not supported.',
  },
  ConsoleLinkInvalid: {
    status: 401,
    kind: 'unauthorized',
    say: () => 'This link to a console does not hold: it was used, has expired, or was taken back.',
    mend: () => 'Ask for a new one: openstack console url show SERVER.',
  },
  ConsoleOriginRefused: { ...forbidden, say: ({ why }: { why: string }) => why },
  TooManyConsoles: {
    status: 503,
    kind: 'serviceUnavailable',
    say: ({ most }: { most: number }) => `There are ${most} connections to consoles already.`,
  },
  ImageMetadataLimit: { ...forbidden, say: () => 'Image metadata limit exceeded' },
  VolumeBackedSnapshot: {
    ...badRequest,
    say: ({ id }: Named) => `Instance ${id} has no disk of its own that an image could be made of.`,
  },
  VolumeBackedBackup: { ...badRequest, say: () => 'Backup is not supported for volume-backed instances.' },
  UnshelveNotOffloaded: {
    ...conflict,
    say: ({ id, state }: Named & { state: string }) =>
      `Specifying an availability zone or a host when unshelving server ${id} with status "${state}" is not supported. ` +
      'The server status must be SHELVED_OFFLOADED.',
  },
  UnshelveHostNotInZone: {
    ...conflict,
    say: ({ host, zone }: { host: string; zone: string }) =>
      `Host "${host}" is not in the availability zone "${zone}".`,
  },
  ComputeHostUnknown: {
    ...badRequest,
    say: ({ host }: { host: string }) => `Compute host ${host} could not be found.`,
  },
  ShelvedImageMissing: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ id, image }: Named & { image: string }) =>
      `Unshelve of instance ${id} was attempted but its image ${image} cannot be used any more.`,
  },
  NoValidHost: {
    status: 500,
    kind: 'computeFault',
    say: ({ why }: NotPlaced) => `No valid host was found. ${why}`,
    mend: ({ lack }: NotPlaced) => MENDS[lack],
  },
  HostAwaited: {
    status: 503,
    kind: 'serviceUnavailable',
    say: ({ host }: { host: string; transient: true }) =>
      `No host that has reported since this process began takes the server; ${host} may yet report.`,
    mend: () => 'Wait a minute. If nothing changes, see which hosts report: openstack compute service list.',
  },
  MaxRetriesExceeded: {
    status: 500,
    kind: 'computeFault',
    say: ({ id, attempts }: Named & { attempts: number; last: string }) =>
      `Exceeded maximum number of retries. Exhausted all hosts available for retrying build failures for instance ${id} after ${attempts} attempts.`,
    mend: ({ last }: { last: string }) => `The last failure: ${last}`,
  },
  NetworkNotAllocated: {
    status: 500,
    kind: 'computeFault',
    say: (_: { transient: true }) => 'The ports could not be had and are asked for again.',
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
