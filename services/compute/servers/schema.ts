// Bodies, queries and replies of servers; each field knows its versions.
import { booleanLike, integerLike, metadata, name, nullable, oneOf, uuid } from '@kilonova/api/fields'
import type { Static, TSchemaOptions } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, requiredSince, since, until } from '@kilonova/api/versions'
import { MOST_TAGS, tag } from './tag.ts'

const O = Type.Optional
const hostWord = { minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' }
const address = (options: TSchemaOptions = {}) =>
  Type.Union([Type.String({ format: 'ipv4' }), Type.String({ format: 'ipv6' })], options)
const diskConfig = () => oneOf(['AUTO', 'MANUAL'])
const SHORT_HOSTNAME = '^[a-zA-Z0-9]+[a-zA-Z0-9-]*[a-zA-Z0-9]+$'
const hostname = () =>
  Type.Union(
    [
      Type.String({ minLength: 2, maxLength: 63, pattern: SHORT_HOSTNAME, ...until('2.93') }),
      Type.String({ ...hostWord, ...since('2.94') }),
    ],
    since('2.90'),
  )

const personality = () =>
  Type.Array(Type.Object({ path: Type.String(), contents: Type.String({ format: 'base64' }) }, closed), until('2.56'))
const trustedCertificates = () =>
  nullable(Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 50, uniqueItems: true }), since('2.63'))

export const NetworkRequest = Type.Object(
  {
    uuid: O(Type.Union([Type.String(until('2.36')), uuid(since('2.37'))])),
    port: O(nullable(uuid())),
    fixed_ip: O(address()),
    tag: O(Type.Union([tag(until('2.36')), tag(since('2.42'))], since('2.32'))),
  },
  closed,
)
export type NetworkRequest = Static<typeof NetworkRequest>

/** What both forms of block device mapping have. */
const Mapping = {
  virtual_name: O(Type.String({ maxLength: 255 })),
  volume_id: O(uuid()),
  snapshot_id: O(uuid()),
  volume_size: O(integerLike(1)),
  device_name: O(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._/-]*$' })),
  delete_on_termination: O(booleanLike()),
  no_device: O(Type.Unknown()),
  connection_info: O(Type.String({ maxLength: 16_777_215 })),
}

const LegacyBlockDevice = Type.Object(Mapping, closed)
export type LegacyBlockDevice = Static<typeof LegacyBlockDevice>

const BlockDevice = Type.Object(
  {
    ...Mapping,
    source_type: O(oneOf(['volume', 'image', 'snapshot', 'blank'])),
    destination_type: O(oneOf(['local', 'volume'])),
    uuid: O(Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9._-]*$' })),
    image_id: O(uuid()),
    guest_format: O(Type.String({ maxLength: 255 })),
    device_type: O(Type.String({ maxLength: 255 })),
    disk_bus: O(Type.String({ maxLength: 255 })),
    boot_index: O(Type.Union([Type.Integer(), Type.String(), Type.Null()])),
    tag: O(Type.Union([tag({ ...since('2.32'), ...until('2.32') }), tag(since('2.42'))], since('2.32'))),
    volume_type: O(nullable(Type.String({ maxLength: 255 }), since('2.67'))),
  },
  closed,
)
export type BlockDevice = Static<typeof BlockDevice>

const oneOrMore = (item: ReturnType<typeof uuid>) => Type.Union([item, Type.Array(item)])
const Hints = Type.Object({
  group: O(oneOrMore(uuid())),
  different_host: O(oneOrMore(uuid())),
  same_host: O(oneOrMore(Type.String())),
  query: O(Type.Unknown()),
  target_cell: O(name()),
  different_cell: O(oneOrMore(Type.String())),
  build_near_host_ip: O(address()),
  cidr: O(Type.String({ pattern: '^/[0-9a-f.:]+$' })),
})

export const NewServer = Type.Object(
  {
    name: name(),
    flavorRef: Type.Union([Type.String({ minLength: 1 }), Type.Integer()]),
    imageRef: O(Type.Union([uuid(), Type.String({ maxLength: 0 })])),
    adminPass: O(Type.String()),
    metadata: O(metadata()),
    networks: O(
      Type.Union([Type.Array(NetworkRequest), oneOf(['none', 'auto'], since('2.37'))], requiredSince('2.37')),
    ),
    'OS-DCF:diskConfig': O(diskConfig()),
    accessIPv4: O(Type.String({ format: 'ipv4' })),
    accessIPv6: O(Type.String({ format: 'ipv6' })),
    availability_zone: O(name()),
    block_device_mapping: O(Type.Array(LegacyBlockDevice)),
    block_device_mapping_v2: O(Type.Array(BlockDevice)),
    config_drive: O(booleanLike()),
    key_name: O(name()),
    min_count: O(integerLike(1)),
    max_count: O(integerLike(1)),
    return_reservation_id: O(booleanLike()),
    security_groups: O(Type.Array(Type.Object({ name: O(name()) }, closed))),
    user_data: O(Type.String({ format: 'base64', maxLength: 65535 })),
    personality: O(personality()),
    description: O(nullable(Type.String({ maxLength: 255 }), since('2.19'))),
    tags: O(Type.Array(tag(), { maxItems: MOST_TAGS, ...since('2.52') })),
    trusted_image_certificates: O(trustedCertificates()),
    host: O(Type.String({ ...hostWord, ...since('2.74') })),
    hypervisor_hostname: O(Type.String({ ...hostWord, ...since('2.74') })),
    hostname: O(hostname()),
  },
  closed,
)
export type NewServer = Static<typeof NewServer>

export const CreateServer = Type.Object(
  { server: NewServer, 'os:scheduler_hints': O(Hints), 'OS-SCH-HNT:scheduler_hints': O(Hints) },
  closed,
)
export type CreateServer = Static<typeof CreateServer>

export const UpdateServer = Type.Object(
  {
    server: Type.Object(
      {
        name: O(name()),
        'OS-DCF:diskConfig': O(diskConfig()),
        accessIPv4: O(Type.String({ format: 'ipv4' })),
        accessIPv6: O(Type.String({ format: 'ipv6' })),
        description: O(nullable(Type.String({ maxLength: 255 }), since('2.19'))),
        hostname: O(hostname()),
      },
      closed,
    ),
  },
  closed,
)
export type UpdateServer = Static<typeof UpdateServer>

export const Lock = Type.Object(
  {
    lock: Type.Union([
      Type.Unknown(until('2.72')),
      nullable(Type.Object({ locked_reason: O(Type.String({ minLength: 1, maxLength: 255 })) }, closed), since('2.73')),
    ]),
  },
  closed,
)

export const Reboot = Type.Object(
  { reboot: Type.Object({ type: oneOf(['HARD', 'Hard', 'hard', 'SOFT', 'Soft', 'soft']) }, closed) },
  closed,
)

export const Rescue = Type.Object(
  { rescue: nullable(Type.Object({ adminPass: O(Type.String()), rescue_image_ref: O(uuid()) }, closed)) },
  closed,
)
export type Rescue = Static<typeof Rescue>

export const Rebuild = Type.Object(
  {
    rebuild: Type.Object(
      {
        imageRef: uuid(),
        name: O(name()),
        adminPass: O(Type.String()),
        metadata: O(metadata()),
        preserve_ephemeral: O(booleanLike()),
        'OS-DCF:diskConfig': O(diskConfig()),
        accessIPv4: O(Type.String({ format: 'ipv4' })),
        accessIPv6: O(Type.String({ format: 'ipv6' })),
        personality: O(personality()),
        description: O(nullable(Type.String({ maxLength: 255 }), since('2.19'))),
        key_name: O(nullable(name(), since('2.54'))),
        user_data: O(nullable(Type.String({ format: 'base64', maxLength: 65535 }), since('2.57'))),
        trusted_image_certificates: O(trustedCertificates()),
        hostname: O(hostname()),
      },
      closed,
    ),
  },
  closed,
)
export type Rebuild = Static<typeof Rebuild>

export const ResetState = Type.Object(
  { 'os-resetState': Type.Object({ state: oneOf(['active', 'error']) }, closed) },
  closed,
)

export const ConsoleOutput = Type.Object(
  {
    'os-getConsoleOutput': Type.Union([
      Type.Null(),
      Type.Object(
        { length: O(Type.Union([Type.Integer({ minimum: -1 }), Type.String({ pattern: '^-?[0-9]+$' }), Type.Null()])) },
        closed,
      ),
    ]),
  },
  closed,
)

const regex = (options: object = {}) => O(Type.String({ maxLength: 255, ...options }))
const FILTERS = [
  'user_id',
  'project_id',
  'tenant_id',
  'launch_index',
  'image_ref',
  'image',
  'kernel_id',
  'ramdisk_id',
  'hostname',
  'key_name',
  'power_state',
  'vm_state',
  'task_state',
  'host',
  'node',
  'flavor',
  'reservation_id',
  'launched_at',
  'terminated_at',
  'availability_zone',
  'name',
  'display_name',
  'description',
  'display_description',
  'locked_by',
  'uuid',
  'root_device_name',
  'config_drive',
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'progress',
  'all_tenants',
  'soft_deleted',
  'deleted',
  'changes-since',
  'ip',
  'ip6',
  'created_at',
  'block_device_mapping',
  'services',
  'metadata',
  'system_metadata',
  'info_cache',
  'security_groups',
  'pci_devices',
  'marker',
] as const
const SORT_KEYS = [
  'access_ip_v4',
  'access_ip_v6',
  'auto_disk_config',
  'availability_zone',
  'config_drive',
  'created_at',
  'display_description',
  'display_name',
  'host',
  'hostname',
  'image_ref',
  'instance_type_id',
  'kernel_id',
  'key_name',
  'launch_index',
  'launched_at',
  'locked_by',
  'node',
  'power_state',
  'progress',
  'project_id',
  'ramdisk_id',
  'root_device_name',
  'task_state',
  'terminated_at',
  'updated_at',
  'user_id',
  'uuid',
  'vm_state',
] as const

const filters = Object.fromEntries(FILTERS.map((key) => [key, regex()])) as Record<
  (typeof FILTERS)[number],
  ReturnType<typeof regex>
>

export const ListServers = Type.Object(
  {
    ...filters,
    status: O(Type.Array(Type.String())),
    sort_key: O(Type.Array(Type.Union([oneOf(SORT_KEYS, since('2.75')), Type.String(until('2.74'))]))),
    sort_dir: O(Type.Array(Type.String())),
    limit: O(integerLike(0)),
    tags: regex(since('2.26')),
    'tags-any': regex(since('2.26')),
    'not-tags': regex(since('2.26')),
    'not-tags-any': regex(since('2.26')),
    'changes-before': regex(since('2.66')),
    locked: regex(since('2.73')),
  },
  closedSince('2.75'),
)
export type ListServers = Static<typeof ListServers>

const anything = (options: TSchemaOptions = {}) => O(Type.Unknown(options))
/** A server as shown; what is not named here is in every version. */
const Server = Type.Object({
  'OS-EXT-SRV-ATTR:kernel_id': anything(since('2.3')),
  'OS-EXT-SRV-ATTR:ramdisk_id': anything(since('2.3')),
  'OS-EXT-SRV-ATTR:launch_index': anything(since('2.3')),
  'OS-EXT-SRV-ATTR:reservation_id': anything(since('2.3')),
  'OS-EXT-SRV-ATTR:root_device_name': anything(since('2.3')),
  'OS-EXT-SRV-ATTR:user_data': anything(since('2.3')),
  'OS-EXT-SRV-ATTR:hostname': anything(since('2.3')),
  locked: anything(since('2.9')),
  host_status: anything(since('2.16')),
  description: anything(since('2.19')),
  tags: anything(since('2.26')),
  trusted_image_certificates: anything(since('2.63')),
  server_groups: anything(since('2.71')),
  locked_reason: anything(since('2.73')),
  pinned_availability_zone: anything(since('2.96')),
  scheduler_hints: anything(since('2.100')),
})
export const ShowServer = Type.Object({ server: Server })
export const DetailServers = Type.Object({ servers: Type.Array(Server) })

/** Replies to changes showed less before 2.75. */
const young = since('2.75')
const Changed = {
  ...Server.properties,
  'OS-EXT-AZ:availability_zone': anything(young),
  config_drive: anything(young),
  key_name: anything(young),
  'OS-SRV-USG:launched_at': anything(young),
  'OS-SRV-USG:terminated_at': anything(young),
  security_groups: anything(young),
  'OS-EXT-SRV-ATTR:host': anything(young),
  'OS-EXT-SRV-ATTR:instance_name': anything(young),
  'OS-EXT-SRV-ATTR:hypervisor_hostname': anything(young),
  'OS-EXT-SRV-ATTR:kernel_id': anything(young),
  'OS-EXT-SRV-ATTR:ramdisk_id': anything(young),
  'OS-EXT-SRV-ATTR:launch_index': anything(young),
  'OS-EXT-SRV-ATTR:reservation_id': anything(young),
  'OS-EXT-SRV-ATTR:root_device_name': anything(young),
  'OS-EXT-SRV-ATTR:user_data': anything(young),
  'OS-EXT-SRV-ATTR:hostname': anything(young),
  host_status: anything(young),
  'OS-EXT-STS:task_state': anything(young),
  'OS-EXT-STS:vm_state': anything(young),
  'OS-EXT-STS:power_state': anything(young),
  'os-extended-volumes:volumes_attached': anything(young),
}
export const UpdatedServer = Type.Object({ server: Type.Object(Changed) })
export const RebuiltServer = Type.Object({
  server: Type.Object({ ...Changed, key_name: anything(since('2.54')), user_data: anything(since('2.57')) }),
})
