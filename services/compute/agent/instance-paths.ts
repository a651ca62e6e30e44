// Where a server's files lie on its host.
import { createHash } from 'node:crypto'
import { join, relative, sep } from 'node:path'
import { isUuid } from '@kilonova/base/ids'
import { fault } from './faults.ts'

export class InstancePaths {
  /** The folder of all instances: `<state-dir>/instances`. */
  readonly root: string

  constructor(root: string) {
    this.root = root
  }

  /** The server's own folder. The id must be a uuid, since it becomes a path. */
  directory(id: string): string {
    if (!isUuid(id)) throw fault('GuestInvalid', { why: `its id ${JSON.stringify(id)} is not a uuid` })
    return join(this.root, id)
  }

  file(id: string, name: string): string {
    return join(this.directory(id), name)
  }

  consoleLog(id: string): string {
    return this.file(id, 'console.log')
  }

  /** Cached images; never removed while a server's folder holds a link to them. */
  get base(): string {
    return join(this.root, '_base')
  }

  /** Folders of copies of disks on their way to an image; what lies there at a start is of no use any more. */
  get snapshots(): string {
    return join(this.root, 'snapshots')
  }

  snapshot(id: string): string {
    if (!isUuid(id)) throw fault('GuestInvalid', { why: `the snapshot ${JSON.stringify(id)} is not a uuid` })
    return join(this.snapshots, id)
  }

  /** Notes of which guest has which whole device. */
  get isolated(): string {
    return join(this.root, 'isolated')
  }

  /** The guest in whose folder a path lies, or whatever its first part is. */
  guestOf(path: string): string {
    return relative(this.root, path).split(sep)[0]!
  }

  baseImage(imageId: string): string {
    return join(this.base, createHash('sha1').update(imageId).digest('hex'))
  }
}
