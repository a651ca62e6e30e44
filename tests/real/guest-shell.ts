// A shell in a guest: ssh from the namespace of its network's DHCP server, over one connection that is kept.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { CommandResult } from '@kilonova/base/command'
import { run } from '@kilonova/base/command'
import { until } from '@kilonova/cloud/api-client'

export interface ShellPlace {
  /** Where the connection's socket lies. Short: its path has at most 107 characters. */
  directory: string
  keyFile: string
  networkId: string
  address: string
}

const LOGIN_SECONDS = 180

export class GuestShell {
  readonly #target: string[]

  constructor({ directory, keyFile, networkId, address }: ShellPlace) {
    const socket = join(directory, `s-${createHash('sha1').update(address).digest('hex').slice(0, 8)}`)
    const options = {
      BatchMode: 'yes',
      StrictHostKeyChecking: 'no',
      UserKnownHostsFile: '/dev/null',
      LogLevel: 'ERROR',
      ConnectTimeout: '10',
      ControlMaster: 'auto',
      ControlPath: socket,
      ControlPersist: '600',
      ServerAliveInterval: '5',
    }
    const set = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    this.#target = ['netns', 'exec', `kn-dhcp-${networkId}`, 'ssh', '-i', keyFile, ...set, `root@${address}`]
  }

  /** Waits until the guest lets us in. */
  async open(): Promise<void> {
    const isOpen = await until(LOGIN_SECONDS, async () =>
      (await this.try('true').catch(() => ({ code: 255 }))).code === 0 ? true : undefined,
    )
    if (!isOpen) throw new Error(`no login within ${LOGIN_SECONDS} s: ip ${this.#target.join(' ')}`)
  }

  /** What a command of the guest's shell prints. Throws when it fails. */
  async run(command: string): Promise<string> {
    return (await run('ip', [...this.#target, command], { timeout: 120_000 })).stdout.trim()
  }

  /** The same, whatever its exit code. */
  try(command: string): Promise<CommandResult> {
    const anything = Array.from({ length: 256 }, (_, code) => code)
    return run('ip', [...this.#target, command], { timeout: 120_000, accept: anything })
  }

  /** Lets go of the connection; before the guest goes. */
  async close(): Promise<void> {
    const [host, ...before] = this.#target.toReversed()
    await run('ip', [...before.toReversed(), '-O', 'exit', host!], { accept: [0, 1, 255] })
  }
}
