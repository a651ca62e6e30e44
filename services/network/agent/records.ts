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

  #map<Kind extends keyof Shelf>(kind: Kind): Map<string, Shelf[Kind]> {
    return this[kind] as unknown as Map<string, Shelf[Kind]>
  }

  #path(kind: keyof Shelf, id: string): string {
    return join(this.#directory, kind, `${id}.json`)
  }
}
