// The floor plan: the rooms of the house, and what each may import. check-arrows.ts holds the house to it.

/** A folder or file, and what its files may import besides each other. All paths are relative to the root. */
export interface Room {
  path: string
  /** Folders, files, and `folder/*.ts` for the files directly in a folder. */
  mayImport: readonly string[]
  /** Folders and files of which only types may be imported. */
  mayImportTypes?: readonly string[]
  /** Modules of Node and npm that it must do without. */
  refuses?: readonly string[]
  /** True when folders inside it are rooms of their own, and must be named here. */
  filesOnly?: boolean
}

/** Lowest first. Tests may use everything on lower floors, and all of their own package or service. */
export const FLOORS: readonly (readonly string[])[] = [
  ['packages/base', 'packages/libvirt'],
  ['packages/store', 'packages/bus', 'packages/api'],
  ['packages/tasks'],
  ['services/identity', 'services/image', 'services/placement'],
  ['services/network', 'services/volume'],
  ['services/compute'],
  ['plugins'],
  ['dashboard'],
  ['cloud'],
  ['tests', 'bench'],
]

const PACKAGES = ['packages/base', 'packages/store', 'packages/bus', 'packages/api', 'packages/tasks']
const DATABASES = ['@kilonova/store', 'kysely', 'pg', 'node:sqlite']
/** Words on disks that hosts, the scheduler and the API share. */
const DISK_WORDS = ['services/compute/isolated-role.ts', 'services/compute/disk-words.ts']
const AGENT = ['packages/base', 'packages/bus', 'packages/libvirt', 'services/image/client.ts']

const identity = service({
  path: 'services/identity',
  clients: [],
  resources: [
    'regions',
    'services',
    'endpoints',
    'projects',
    'users',
    'groups',
    'roles',
    'assignments',
    'domains',
    'tokens',
  ],
})

const image = service({
  path: 'services/image',
  clients: [],
  resources: ['inspector', 'images', 'members', 'tags', 'schemas', 'info'],
})

const placement = service({
  path: 'services/placement',
  clients: [],
  resources: [
    'traits',
    'resource-classes',
    'resource-providers',
    'inventories',
    'allocations',
    'allocation-candidates',
    'usages',
  ],
})

const network = service({
  path: 'services/network',
  clients: ['services/identity/client.ts'],
  resources: [
    'security-groups',
    'networks',
    'ports',
    'subnets',
    'routers',
    'floating-ips',
    'auto-allocated-topology',
    'tags',
    'agents',
    'extensions',
    'quotas',
    'conductor',
  ],
  messages: ['agent/protocol.ts', 'agent/ip-protocols.ts'],
})

const compute = service({
  path: 'services/compute',
  clients: [
    'services/identity/client.ts',
    'services/image/client.ts',
    'services/placement/client.ts',
    'services/network/client.ts',
    'services/volume/client.ts',
  ],
  resources: [
    'discovery',
    'migrations',
    'notifications',
    'flavors',
    'keypairs',
    'server-groups',
    'quota-sets',
    'quota-class-sets',
    'aggregates',
    'services',
    'hypervisors',
    'availability-zones',
    'servers',
    'interfaces',
    'security-groups',
    'server-external-events',
    'instance-actions',
    'server-migrations',
    'server-metadata',
    'server-tags',
    'consoles',
    'diagnostics',
    'ips',
    'limits',
    'simple-tenant-usage',
    'explain',
  ],
  messages: [
    'agent/protocol.ts',
    'agent/conductor-protocol.ts',
    'agent/guest-spec.ts',
    'agent/power-state.ts',
    'agent/faults.ts',
  ],
})

export const ROOMS: readonly Room[] = [
  { path: 'packages/base', mayImport: [] },
  { path: 'packages/libvirt', mayImport: [] },
  { path: 'packages/store', mayImport: ['packages/base'] },
  { path: 'packages/bus', mayImport: ['packages/base'] },
  { path: 'packages/api', mayImport: ['packages/base'] },
  { path: 'packages/tasks', mayImport: ['packages/base', 'packages/store'] },
  ...identity,
  ...image,
  ...placement,
  ...network,
  { path: 'services/network/agent', mayImport: AGENT, refuses: DATABASES },
  {
    path: 'services/network/host',
    mayImport: ['packages/base', 'packages/bus', 'services/network/agent', 'services/network/host-protocol.ts'],
    refuses: DATABASES,
  },
  ...compute,
  {
    path: 'services/compute/scheduler',
    mayImport: ['packages/base', ...DISK_WORDS],
    mayImportTypes: ['services/compute/servers', 'services/compute/flavors', 'services/compute/agent/guest-spec.ts'],
    refuses: [...DATABASES, '@kilonova/bus'],
  },
  {
    path: 'services/compute/conductor',
    mayImport: [
      ...mayImportOf(compute, 'services/compute/limits'),
      'services/compute/limits',
      'services/compute/scheduler',
    ],
  },
  { path: 'plugins', mayImport: ['packages', 'services'] },
  {
    path: 'services/compute/agent',
    mayImport: [...AGENT, 'packages/tasks/periodic.ts', ...DISK_WORDS],
    refuses: DATABASES,
  },
  { path: 'dashboard', mayImport: [] },
  { path: 'cloud/setup', mayImport: ['packages/base'] },
  { path: 'cloud/testing', mayImport: ['packages/base', 'cloud/setup'] },
  { path: 'cloud/guest-image', mayImport: ['packages/base'] },
  { path: 'cloud', mayImport: ['packages', 'services', 'cloud'] },
  { path: 'tools', mayImport: ['packages/base'] },
  { path: 'tests', mayImport: ['packages', 'services', 'cloud'] },
  { path: 'bench', mayImport: ['packages', 'services', 'cloud'] },
  { path: 'tools/generate-options.ts', mayImport: ['packages/base', 'tools', 'cloud/config.ts'] },
  { path: 'tools/generate-server-states.ts', mayImport: ['packages/base', 'tools', 'services/compute/servers'] },
  { path: 'tools/server-states-page.ts', mayImport: ['services/compute/servers'] },
]

interface Service {
  path: string
  /** The `client.ts` of services on lower floors. */
  clients: readonly string[]
  /** Its rooms, simplest first: each may import those before it. */
  resources: readonly string[]
  /** Files of its agent with the words that others exchange with it. */
  messages?: readonly string[]
}

/**
 * The rooms of a service. The files directly in its folder are what all its rooms share and what puts them together;
 * between them and the rooms only rings are forbidden. `schema` is below all rooms.
 */
function service({ path, clients, resources, messages = [] }: Service): Room[] {
  const inside = (names: readonly string[]) => names.map((name) => `${path}/${name}`)
  const shared = [...PACKAGES, ...clients, ...inside(messages)]
  return [
    { path, mayImport: [...shared, path], filesOnly: true },
    { path: `${path}/schema`, mayImport: ['packages/base', 'packages/store'] },
    ...resources.map((name, index) => ({
      path: `${path}/${name}`,
      mayImport: [...shared, `${path}/*.ts`, `${path}/schema`, ...inside(resources.slice(0, index))],
    })),
  ]
}

function mayImportOf(rooms: readonly Room[], path: string): readonly string[] {
  return rooms.find((room) => room.path === path)!.mayImport
}
