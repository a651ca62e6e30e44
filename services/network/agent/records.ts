// The agent's memory across restarts: one small file per network, port, security group and router.
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { syncDirectory, writeAtomically } from '@kilonova/base/atomic-file'
import { log } from '@kilonova/base/log'
import type { GroupRecord, HostState, NetworkRecord, PortRecord, RouterRecord } from './backend.ts'

interface Shelf {
  networks: NetworkRecord
  ports: PortRecord
  groups: GroupRecord
  routers: RouterRecord
}

const KINDS = ['networks', 'ports', 'groups', 'routers'] as const
/** What records of earlier versions lack. */
const LATER_PARTS = { networks: { gatewayCidrs: [] }, ports: {}, groups: {}, routers: {} }

export class Records implements HostState {
  readonly networks = new Map<string, NetworkRecord>()
  readonly ports = new Map<string, PortRecord>()
  readonly groups = new Map<string, GroupRecord>()
  readonly routers = new Map<string, RouterRecord>()
  /** What was told to go, with its generation: an older state does not bring it back. */
  readonly #gone = new Map<string, number>()
  #directory: string

  constructor(directory: string) {
    this.#directory = directory
  }

  /** Reads what an earlier process left. A file that cannot be read is logged: the next reconcile writes it anew. */
  async load(): Promise<void> {
    for (const kind of KINDS) {
      const directory = join(this.#directory, kind)
      await mkdir(directory, { recursive: true })
      for (const name of await readdir(directory)) {
        const path = join(directory, name)
        if (!name.endsWith('.json')) {
          await rm(path, { force: true })
          continue
        }
        try {
          const record = { ...LATER_PARTS[kind], ...JSON.parse(await readFile(path, 'utf8')) }
          this.#map(kind).set(name.slice(0, -'.json'.length), record)
        } catch (error) {
          log('network.agent').error({ error, path }, 'a record cannot be read')
        }
      }
    }
  }

  /** Known at once, and on disk when this resolves. */
  async put<Kind extends keyof Shelf>(kind: Kind, id: string, record: Shelf[Kind]): Promise<void> {
    this.#map(kind).set(id, record)
    await writeAtomically(this.#path(kind, id), JSON.stringify(record))
  }

  async delete(kind: keyof Shelf, id: string): Promise<void> {
    this.#map(kind).delete(id)
    await rm(this.#path(kind, id), { force: true })
    await syncDirectory(join(this.#directory, kind))
  }

  /** Whether a thing with this owner is asked for. */
  knows(owner: string): boolean {
    const { networks, ports, routers, groups } = this
    return networks.has(owner) || routers.has(owner) || groups.has(owner) || ports.get(owner)?.port.bound === true
  }

  /** Whether more is known of `id` than a teller of this generation knows. */
  isStale(id: string, record: { generation: number } | null | undefined, generation: number): boolean {
    return (record?.generation ?? -1) > generation || (this.#gone.get(id) ?? -1) > generation
  }

  noteGone(id: string, generation: number): void {
    this.#gone.set(id, generation)
  }

  /** Once all is as of this generation, nothing older comes. */
  forgetGone(generation: number): void {
    for (const [id, when] of this.#gone) if (when <= generation) this.#gone.delete(id)
  }

  freeMark(): number {
    const taken = new Set([...this.ports.values()].map(({ mark }) => mark))
    let mark = 1
    while (taken.has(mark)) mark++
    return mark
  }

  /** From the network's id, so that two clouds on a host seldom meet; the next free one when it is taken here. */
  freeZone(networkId: string): number {
    const taken = new Set([...this.networks.values()].map(({ zone }) => zone))
    let zone = (Number.parseInt(networkId.slice(0, 8), 16) % 65535) + 1
    while (taken.has(zone)) zone = (zone % 65535) + 1
    return zone
  }

  #map<Kind extends keyof Shelf>(kind: Kind): Map<string, Shelf[Kind]> {
    return this[kind] as unknown as Map<string, Shelf[Kind]>
  }

  #path(kind: keyof Shelf, id: string): string {
    return join(this.#directory, kind, `${id}.json`)
  }
}
