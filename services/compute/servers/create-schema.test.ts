// The body of POST /servers: exactly Nova's keys at each microversion.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { JsonSchema } from '@kilonova/api/versions'
import { schemaAt, version } from '@kilonova/api/versions'
import { CreateServer } from './schema.ts'

/** Paths of all keys that the schema takes; `*` marks what must be there, `+` objects that take any other key. */
function keysOf(schema: JsonSchema, path = ''): string[] {
  const { properties = {}, required = [], items, anyOf = [] } = schema
  const own = Object.entries(properties).flatMap(([name, field]) => [
    `${path}${name}${required.includes(name) ? '*' : ''}`,
    ...keysOf(field, `${path}${name}.`),
  ])
  const open = schema.properties && schema['additionalProperties'] !== false ? [`${path}+`] : []
  const below = [...(items ? [items] : []), ...anyOf].flatMap((part) => keysOf(part, path))
  return [...new Set([...own, ...open, ...below])].sort()
}

const keysAt = (at: string): string[] => keysOf(schemaAt(CreateServer, version(at)) as unknown as JsonSchema)

const below = (parent: string, names: string): string[] => names.split(' ').map((name) => `server.${parent}${name}`)
const HINTS = 'group different_host same_host query target_cell different_cell build_near_host_ip cidr +'
const DEVICE =
  'virtual_name volume_id snapshot_id volume_size device_name delete_on_termination no_device connection_info'
const DEVICE_V2 = `${DEVICE} source_type uuid image_id destination_type guest_format device_type disk_bus boot_index`

/** At 2.1. */
const FIRST = [
  'server*',
  ...['os:scheduler_hints', 'OS-SCH-HNT:scheduler_hints'].flatMap((key) => [
    key,
    ...HINTS.split(' ').map((hint) => `${key}.${hint}`),
  ]),
  ...below(
    '',
    'name* flavorRef* imageRef adminPass metadata networks OS-DCF:diskConfig accessIPv4 accessIPv6 availability_zone ' +
      'block_device_mapping block_device_mapping_v2 config_drive key_name min_count max_count return_reservation_id ' +
      'security_groups user_data personality',
  ),
  ...below('networks.', 'uuid port fixed_ip'),
  ...below('block_device_mapping.', DEVICE),
  ...below('block_device_mapping_v2.', DEVICE_V2),
  ...below('security_groups.', 'name'),
  ...below('personality.', 'path* contents*'),
].sort()

const DEVICE_TAG = 'server.block_device_mapping_v2.tag'
/** What comes and goes, by the version from which on it is so. */
const CHANGES: [at: string, comes: string[], goes?: string[]][] = [
  ['2.19', ['server.description']],
  ['2.32', ['server.networks.tag', DEVICE_TAG]],
  ['2.33', [], [DEVICE_TAG]],
  ['2.37', ['server.networks*'], ['server.networks', 'server.networks.tag']],
  ['2.42', ['server.networks.tag', DEVICE_TAG]],
  ['2.52', ['server.tags']],
  ['2.57', [], below('', 'personality personality.path* personality.contents*')],
  ['2.63', ['server.trusted_image_certificates']],
  ['2.67', ['server.block_device_mapping_v2.volume_type']],
  ['2.74', ['server.host', 'server.hypervisor_hostname']],
  ['2.90', ['server.hostname']],
]

describe('the body of POST /servers', () => {
  it('has exactly the keys of each microversion', () => {
    let expected = FIRST
    for (let minor = 1; minor <= 104; minor++) {
      const at = `2.${minor}`
      const [, comes = [], goes = []] = CHANGES.find(([since]) => since === at) ?? []
      expected = [...expected.filter((key) => !goes.includes(key)), ...comes].sort()
      assert.deepEqual(keysAt(at), expected, at)
    }
  })

  it('takes networks as a list alone before 2.37, and as a word since', () => {
    const networksAt = (at: string): JsonSchema =>
      schemaAt(CreateServer.properties.server.properties.networks, version(at)) as unknown as JsonSchema
    assert.equal(networksAt('2.36')['type'], 'array')
    assert.deepEqual(
      networksAt('2.37').anyOf?.map((member) => member['enum'] ?? member['type']),
      ['array', ['none', 'auto']],
    )
  })
})
