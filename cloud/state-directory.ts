// The state directory: where everything of one cloud lies, and what identifies it.
import { mkdir, readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { systemRandom } from '@kilonova/base/random'
import type { Lock } from '@kilonova/store/lock'
import { takeLock } from '@kilonova/store/lock'
import { fault } from './faults.ts'

export const DEFAULT_STATE_DIRECTORY = '/var/lib/kilonova'

/** Passwords of the users that a new cloud has. */
export interface Credentials {
  admin: string
  demo: string
}

/** What a cloud is, once made. */
export interface CloudIdentity {
  /** Eight hex digits that mark what is ours on a host. */
  tag: string
  /** The name of this host in the cloud. */
  host: string
}

/** The paths of one cloud. */
export class StateDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get database(): string {
    return join(this.path, 'kilonova.db')
  }
  get images(): string {
    return join(this.path, 'images')
  }
  get network(): string {
    return join(this.path, 'network')
  }
  get libvirt(): string {
    return join(this.path, 'libvirt')
  }
  get guestImage(): string {
    return join(this.path, 'guest-image')
  }
  get log(): string {
    return join(this.path, 'kilonova.log')
  }
  get configFile(): string {
    return join(this.path, 'kilonova.toml')
  }
  get cloudsFile(): string {
    return join(this.path, 'clouds.yaml')
  }
  get nodeUuid(): string {
    return join(this.path, 'compute_id')
  }
  /** The boot of the host during which its guests were last looked after. */
  get bootId(): string {
    return join(this.path, 'boot_id')
  }
  get virtType(): string {
    return join(this.path, 'virt_type')
  }
  /** What the running cloud says of itself: see RunningCloud. */
  get runFile(): string {
    return join(this.path, 'running.json')
  }

  async prepare(): Promise<void> {
    await mkdir(this.path, { recursive: true, mode: 0o711 })
  }

  /** Held as long as this process lives. Throws StateDirectoryInUse. */
  lock(): Lock {
    const lock = takeLock(join(this.path, 'lock'))
    if (!lock) throw fault('StateDirectoryInUse', { path: this.path })
    return lock
  }

  /** Made at the first start; from then on the same. */
  identity(): Promise<CloudIdentity> {
    return this.#kept('cloud.json', 0o644, () => ({ tag: systemRandom.bytes(4).toString('hex'), host: hostname() }))
  }

  /** Generated at the first start, or taken from KILONOVA_ADMIN_PASSWORD. */
  credentials(): Promise<Credentials> {
    const word = (): string => systemRandom.bytes(18).toString('base64url')
    return this.#kept('credentials.json', 0o600, () => ({
      admin: process.env['KILONOVA_ADMIN_PASSWORD'] ?? word(),
      demo: word(),
    }))
  }

  async #kept<T>(name: string, mode: number, make: () => T): Promise<T> {
    const path = join(this.path, name)
    const text = await readIfThere(path)
    if (text !== undefined) return JSON.parse(text) as T
    const made = make()
    await writeAtomically(path, `${JSON.stringify(made, null, 2)}\n`, mode)
    return made
  }
}

/** The file's text, or undefined when there is none. */
export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
