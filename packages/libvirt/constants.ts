// libvirt's numbers that callers give or get, by libvirt's names.

export const domainState = {
  NOSTATE: 0,
  RUNNING: 1,
  BLOCKED: 2,
  PAUSED: 3,
  SHUTDOWN: 4,
  SHUTOFF: 5,
  CRASHED: 6,
  PMSUSPENDED: 7,
} as const

/** Reasons of RUNNING. */
export const runningReason = {
  UNKNOWN: 0,
  BOOTED: 1,
  MIGRATED: 2,
  RESTORED: 3,
  FROM_SNAPSHOT: 4,
  UNPAUSED: 5,
  MIGRATION_CANCELED: 6,
  SAVE_CANCELED: 7,
  WAKEUP: 8,
  CRASHED: 9,
  POSTCOPY: 10,
  POSTCOPY_FAILED: 11,
} as const

/** Reasons of PAUSED. */
export const pausedReason = {
  UNKNOWN: 0,
  USER: 1,
  MIGRATION: 2,
  SAVE: 3,
  DUMP: 4,
  IOERROR: 5,
  WATCHDOG: 6,
  FROM_SNAPSHOT: 7,
  SHUTTING_DOWN: 8,
  SNAPSHOT: 9,
  CRASHED: 10,
  STARTING_UP: 11,
  POSTCOPY: 12,
  POSTCOPY_FAILED: 13,
} as const

/** Reasons of SHUTOFF. */
export const shutoffReason = {
  UNKNOWN: 0,
  SHUTDOWN: 1,
  DESTROYED: 2,
  CRASHED: 3,
  MIGRATED: 4,
  SAVED: 5,
  FAILED: 6,
  FROM_SNAPSHOT: 7,
  DAEMON: 8,
} as const

/** `event` of a lifecycle event. */
export const lifecycle = {
  DEFINED: 0,
  UNDEFINED: 1,
  STARTED: 2,
  SUSPENDED: 3,
  RESUMED: 4,
  STOPPED: 5,
  SHUTDOWN: 6,
  PMSUSPENDED: 7,
  CRASHED: 8,
} as const

/** `detail` of lifecycle.STARTED. */
export const startedDetail = { BOOTED: 0, MIGRATED: 1, RESTORED: 2, FROM_SNAPSHOT: 3, WAKEUP: 4 } as const

/** `detail` of lifecycle.SUSPENDED. */
/** What a disk of blocks.getErrors has. */
export const diskError = { NONE: 0, UNSPECIFIED: 1, NO_SPACE: 2 } as const

export const suspendedDetail = {
  PAUSED: 0,
  MIGRATED: 1,
  IOERROR: 2,
  WATCHDOG: 3,
  RESTORED: 4,
  FROM_SNAPSHOT: 5,
  API_ERROR: 6,
  POSTCOPY: 7,
  POSTCOPY_FAILED: 8,
} as const

/** `detail` of lifecycle.RESUMED. */
export const resumedDetail = { UNPAUSED: 0, MIGRATED: 1, FROM_SNAPSHOT: 2, POSTCOPY: 3, POSTCOPY_FAILED: 4 } as const

/** `detail` of lifecycle.STOPPED. */
export const stoppedDetail = {
  SHUTDOWN: 0,
  DESTROYED: 1,
  CRASHED: 2,
  MIGRATED: 3,
  SAVED: 4,
  FAILED: 5,
  FROM_SNAPSHOT: 6,
} as const

/** `detail` of lifecycle.SHUTDOWN: FINISHED may be either. */
export const shutdownDetail = { FINISHED: 0, GUEST: 1, HOST: 2 } as const

/** Flags of changes: to what runs, to what the next start takes, or both. */
export const affect = { CURRENT: 0, LIVE: 1, CONFIG: 2 } as const

export const startDomain = {
  PAUSED: 1,
  AUTODESTROY: 2,
  BYPASS_CACHE: 4,
  FORCE_BOOT: 8,
  VALIDATE: 16,
  RESET_NVRAM: 32,
} as const

export const destroyDomain = { DEFAULT: 0, GRACEFUL: 1, REMOVE_LOGS: 2 } as const

export const undefineDomain = {
  MANAGED_SAVE: 1,
  SNAPSHOTS_METADATA: 2,
  NVRAM: 4,
  KEEP_NVRAM: 8,
  CHECKPOINTS_METADATA: 16,
  TPM: 32,
  KEEP_TPM: 64,
} as const

/** For shutdown and reboot. */
export const shutdownDomain = { DEFAULT: 0, ACPI_POWER_BTN: 1, GUEST_AGENT: 2 } as const

export const domainXml = { SECURE: 1, INACTIVE: 2, UPDATE_CPU: 4, MIGRATABLE: 8 } as const

export const saveDomain = { BYPASS_CACHE: 1, RUNNING: 2, PAUSED: 4, RESET_NVRAM: 8 } as const

export const dumpDomain = { CRASH: 1, LIVE: 2, BYPASS_CACHE: 4, RESET: 8, MEMORY_ONLY: 16 } as const

export const openConsole = { FORCE: 1, SAFE: 2 } as const

/** Flags of setVcpus and getVcpus, beside `affect`. */
export const vcpus = { MAXIMUM: 4, GUEST: 8, HOTPLUGGABLE: 16 } as const

/** Flags of setMemory, beside `affect`. */
export const memory = { MAXIMUM: 4 } as const

export const listDomains = {
  ACTIVE: 1,
  INACTIVE: 2,
  PERSISTENT: 4,
  TRANSIENT: 8,
  RUNNING: 16,
  PAUSED: 32,
  SHUTOFF: 64,
  OTHER: 128,
  MANAGEDSAVE: 256,
  NO_MANAGEDSAVE: 512,
  AUTOSTART: 1024,
  NO_AUTOSTART: 2048,
  HAS_SNAPSHOT: 4096,
  NO_SNAPSHOT: 8192,
} as const

/** What getAllDomainStats tells. */
export const domainStats = {
  STATE: 1,
  CPU_TOTAL: 2,
  BALLOON: 4,
  VCPU: 8,
  INTERFACE: 16,
  BLOCK: 32,
  PERF: 64,
  IOTHREAD: 128,
  MEMORY: 256,
  DIRTYRATE: 512,
  VM: 1024,
} as const

/** Flags of getAllDomainStats, beside those of `listDomains`. With NOWAIT a busy guest is told of in part. */
export const allDomainStats = { NOWAIT: 2 ** 29, BACKING: 2 ** 30, ENFORCE_STATS: 2 ** 31 } as const

export const blockJobType = { UNKNOWN: 0, PULL: 1, COPY: 2, COMMIT: 3, ACTIVE_COMMIT: 4, BACKUP: 5 } as const

export const blockJobStatus = { COMPLETED: 0, FAILED: 1, CANCELED: 2, READY: 3 } as const

export const blockJobAbort = { ASYNC: 1, PIVOT: 2 } as const

export const blockPull = { BANDWIDTH_BYTES: 64 } as const

export const blockRebase = {
  SHALLOW: 1,
  REUSE_EXT: 2,
  COPY_RAW: 4,
  COPY: 8,
  RELATIVE: 16,
  COPY_DEV: 32,
  BANDWIDTH_BYTES: 64,
} as const

export const blockCopy = { SHALLOW: 1, REUSE_EXT: 2, TRANSIENT_JOB: 4, SYNCHRONOUS_WRITES: 8 } as const

export const blockCommit = { SHALLOW: 1, DELETE: 2, ACTIVE: 4, RELATIVE: 8, BANDWIDTH_BYTES: 16 } as const

export const blockResize = { BYTES: 1 } as const

export const createSnapshot = {
  REDEFINE: 1,
  CURRENT: 2,
  NO_METADATA: 4,
  HALT: 8,
  DISK_ONLY: 16,
  REUSE_EXT: 32,
  QUIESCE: 64,
  ATOMIC: 128,
  LIVE: 256,
  VALIDATE: 512,
} as const

export const jobType = { NONE: 0, BOUNDED: 1, UNBOUNDED: 2, COMPLETED: 3, FAILED: 4, CANCELLED: 5 } as const

export const migrate = {
  LIVE: 1,
  PEER2PEER: 2,
  TUNNELLED: 4,
  PERSIST_DEST: 8,
  UNDEFINE_SOURCE: 16,
  PAUSED: 32,
  NON_SHARED_DISK: 64,
  NON_SHARED_INC: 128,
  CHANGE_PROTECTION: 256,
  UNSAFE: 512,
  OFFLINE: 1024,
  COMPRESSED: 2048,
  ABORT_ON_ERROR: 4096,
  AUTO_CONVERGE: 8192,
  RDMA_PIN_ALL: 16384,
  POSTCOPY: 32768,
  TLS: 65536,
  PARALLEL: 131072,
} as const

/** Names of migration's typed parameters. `disks` may be given several times. */
export const migrateParams = {
  uri: 'migrate_uri',
  destinationName: 'destination_name',
  destinationXml: 'destination_xml',
  persistentXml: 'persistent_xml',
  bandwidth: 'bandwidth',
  graphicsUri: 'graphics_uri',
  listenAddress: 'listen_address',
  disks: 'migrate_disks',
  disksPort: 'disks_port',
  disksUri: 'disks_uri',
} as const

/** Flag of the agent's and the monitor's commands: HMP in place of QMP. */
export const monitorCommand = { HMP: 1 } as const
