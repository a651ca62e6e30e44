// The logical volumes that this cloud has in one of the host's volume groups, by LVM's own commands.
import { CommandFailed, type CommandResult, run } from '@kilonova/base/command'
import { fault } from '../faults.ts'
import type { PoolSpace } from './disk-backend.ts'

export interface LogicalVolume {
  name: string
  /** Bytes. */
  size: number
  /** What of a thin volume is still unwritten, in bytes. */
  mayGrow: number
  /** What it frees is zeros to whoever gets it next. */
  zeroed: boolean
}

export interface VolumeGroupOptions {
  /** images_volume_group */
  name: string
  /** Marks this cloud's volumes; others' are never touched. */
  cloudTag: string
  /** sparse_logical_volumes: volumes are thin, in the group's only thin pool. Default false. */
  sparse?: boolean
  env?: NodeJS.ProcessEnv
  /** Runs LVM's commands, where that is not this host. */
  runs?: typeof run
}

type Row = Record<string, string>

/** LVM counts in sectors. */
const SECTOR = 512
const VOLUME_FIELDS = 'lv_name,lv_size,pool_lv,data_percent'
const POOL_FIELDS = 'lv_name,lv_size,lv_attr,data_percent'
/** Of lv_attr: newly allocated blocks are zeroed. */
const ZERO_ATTR = 7
const PATIENCE = 120_000

export class VolumeGroup {
  readonly name: string
  readonly #tag: string
  readonly #sparse: boolean
  readonly #env: NodeJS.ProcessEnv
  readonly #run: typeof run

  constructor({ name, cloudTag, sparse = false, env = process.env, runs = run }: VolumeGroupOptions) {
    this.#run = runs
    this.name = name
    this.#tag = `kilonova.${cloudTag.replace(/[^A-Za-z0-9_.+-]/g, '-')}`
    this.#sparse = sparse
    this.#env = { ...env, LC_ALL: 'C', LVM_SUPPRESS_FD_WARNINGS: '1' }
  }

  path(volume: string): string {
    return `/dev/${this.name}/${volume}`
  }

  /** Makes the devices of the volumes that are there. Throws BackendUnavailable. */
  async open(): Promise<void> {
    await this.check()
    if ((await this.list()).length > 0) await this.#lvm('lvchange', '-ay', `@${this.#tag}`)
  }

  /** Throws BackendUnavailable when volumes cannot be made. */
  async check(): Promise<void> {
    const unavailable = (why: string, fix: string, cause?: unknown) =>
      fault('BackendUnavailable', { backend: 'lvm', why, fix }, cause)
    if (this.name === '') throw unavailable('images_volume_group is not set.', 'Set images_volume_group in [compute].')
    try {
      await this.#report('vgs', 'vg', 'vg_name', this.name)
    } catch (error) {
      if (!(error instanceof CommandFailed)) throw error
      if (error.code === null) {
        throw unavailable('LVM is not installed.', 'Install it: apt-get install --no-install-recommends lvm2', error)
      }
      const fix = `Make it: vgcreate ${this.name} DEVICE…, or name another one as images_volume_group.`
      throw unavailable(`the volume group ${this.name} is not there.`, fix, error)
    }
    if (this.#sparse && !(await this.#thinPool())) {
      const fix = `Make one: lvcreate --type thin-pool -l 90%FREE -n pool ${this.name}`
      throw unavailable(`sparse_logical_volumes needs exactly one thin pool in ${this.name}.`, fix)
    }
  }

  /** This cloud's volumes. */
  async list(): Promise<LogicalVolume[]> {
    const mine = `lv_tags={${this.#tag}}`
    const rows = await this.#report('lvs', 'lv', VOLUME_FIELDS, '-S', mine, this.name)
    const zeroed = rows.some(({ pool_lv }) => pool_lv !== '') && ((await this.#thinPool())?.zeroes ?? false)
    return rows.map(({ lv_name: name = '', lv_size, pool_lv, data_percent }) => {
      const isThin = pool_lv !== ''
      const mayGrow = isThin ? Math.ceil(Number(lv_size) * (1 - Number(data_percent) / 100)) : 0
      return { name, size: Number(lv_size), mayGrow, zeroed: isThin && zeroed }
    })
  }

  async find(volume: string): Promise<LogicalVolume | undefined> {
    return (await this.list()).find(({ name }) => name === volume)
  }

  /** Makes a volume of at least `size` bytes; what was written there before may be read. */
  async create(volume: string, size: number): Promise<void> {
    const named = ['-y', '-n', volume, '--addtag', this.#tag]
    const pool = this.#sparse ? await this.#thinPool() : undefined
    const kind = pool ? ['--type', 'thin', '--thinpool', pool.name, '-V'] : ['-L']
    await this.#lvm('lvcreate', ...named, ...kind, bytes(size), this.name)
  }

  async extend(volume: string, size: number): Promise<void> {
    await this.#lvm('lvextend', '-L', bytes(size), `${this.name}/${volume}`)
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#lvm('lvrename', this.name, from, to)
  }

  async remove(volume: string): Promise<void> {
    await this.#lvm('lvremove', '-f', `${this.name}/${volume}`)
  }

  /** Of the group, or of its thin pool where volumes are thin. */
  async space(): Promise<PoolSpace> {
    if (this.#sparse) {
      const pool = await this.#thinPool()
      return { total: pool?.size ?? 0, used: pool?.used ?? 0 }
    }
    const [row] = await this.#report('vgs', 'vg', 'vg_size,vg_free', this.name)
    return { total: Number(row!['vg_size']), used: Number(row!['vg_size']) - Number(row!['vg_free']) }
  }

  async #thinPool(): Promise<{ name: string; size: number; used: number; zeroes: boolean } | undefined> {
    const pools = await this.#report('lvs', 'lv', POOL_FIELDS, '-S', 'segtype=thin-pool', this.name)
    if (pools.length !== 1) return undefined
    const [{ lv_name: name = '', lv_size, lv_attr = '', data_percent }] = pools as [Row]
    const size = Number(lv_size)
    return { name, size, used: Math.ceil((size * Number(data_percent)) / 100), zeroes: lv_attr[ZERO_ATTR] === 'z' }
  }

  async #report(command: 'lvs' | 'vgs', kind: 'lv' | 'vg', fields: string, ...args: string[]): Promise<Row[]> {
    const plain = ['--reportformat', 'json', '--units', 'b', '--nosuffix', '-o', fields]
    const { stdout } = await this.#lvm(command, ...plain, ...args)
    return (JSON.parse(stdout) as { report: Record<string, Row[]>[] }).report[0]?.[kind] ?? []
  }

  #lvm(command: string, ...args: string[]): Promise<CommandResult> {
    return this.#run(command, args, { env: this.#env, timeout: PATIENCE })
  }
}

const bytes = (size: number): string => `${Math.ceil(size / SECTOR) * SECTOR}b`
