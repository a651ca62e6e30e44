// A namespace that stands for the world outside: behind the host, with no way of its own into any network of a cloud.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { CommandResult } from '@kilonova/base/command'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import { until } from '@kilonova/cloud/api-client'

const LISTENER = `
  const server = require('node:net').createServer((socket) => {
    socket.on('error', () => undefined).end(socket.remoteAddress.replace('::ffff:', ''))
  })
  server.listen(7070, () => console.log('listening'))
`

export class Outside {
  /** The host's own address there. */
  readonly host4: string
  readonly ipv4: string
  readonly ipv6: string
  readonly #namespace: string
  readonly #link: string
  #children: ChildProcess[] = []

  private constructor() {
    const mark = systemRandom.bytes(4).toString('hex')
    const net = `198.19.${systemRandom.bytes(1)[0]}`
    this.host4 = `${net}.1`
    this.ipv4 = `${net}.2`
    this.ipv6 = `2001:db8:${mark.slice(0, 4)}::2`
    this.#namespace = `kn-test-${mark}`
    this.#link = `knw${mark}`
  }

  static async make(): Promise<Outside> {
    const outside = new Outside()
    await outside.#make()
    return outside
  }

  get #host6(): string {
    return this.ipv6.replace(/2$/, '1')
  }

  async #make(): Promise<void> {
    await run('ip', ['netns', 'add', this.#namespace])
    const near = [
      `link add name ${this.#link} type veth peer name eth0 netns ${this.#namespace}`,
      `address add ${this.host4}/30 dev ${this.#link}`,
      `address add ${this.#host6}/64 dev ${this.#link} nodad`,
      `link set dev ${this.#link} up`,
    ]
    await run('ip', ['-batch', '-'], { input: `${near.join('\n')}\n` })
    const far = [
      `address add ${this.ipv4}/30 dev eth0`,
      `address add ${this.ipv6}/64 dev eth0 nodad`,
      'link set dev lo up',
      'link set dev eth0 up',
      `route add default via ${this.host4}`,
      `route add default via ${this.#host6}`,
    ]
    await run('ip', ['-n', this.#namespace, '-batch', '-'], { input: `${far.join('\n')}\n` })
  }

  /** Runs a program there, whatever its exit code. */
  run(...command: string[]): Promise<CommandResult> {
    const accept = Array.from({ length: 256 }, (_, code) => code)
    return run('ip', ['netns', 'exec', this.#namespace, ...command], { accept, timeout: 120_000 })
  }

  async pings(address: string): Promise<boolean> {
    return (await this.run('ping', '-c', '1', '-W', '2', address)).code === 0
  }

  /** Tells whoever connects to port 7070 from where, until the end. */
  async listen(): Promise<void> {
    const server = this.#start(process.execPath, '-e', LISTENER)
    const [said] = await Promise.race([once(server.stdout!, 'data'), once(server, 'close')])
    if (!Buffer.isBuffer(said)) throw new Error('nothing listens outside')
  }

  /** A connection to an echo inside. */
  call(address: string, port: number): Call {
    return new Call(this.#start('busybox', 'nc', address, String(port)))
  }

  #start(...command: string[]): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.#namespace, ...command], {
      stdio: ['pipe', 'pipe', 'ignore'],
      detached: true,
    })
    this.#children.push(child)
    return child
  }

  async remove(): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const closed = once(child, 'close')
      process.kill(-child.pid!, 'SIGKILL')
      await closed
    }
    await run('ip', ['netns', 'delete', this.#namespace], { accept: [0, 1] })
    await run('ip', ['link', 'del', 'dev', this.#link], { accept: [0, 1] })
  }
}

export class Call {
  readonly #child: ChildProcess
  #heard = ''

  constructor(child: ChildProcess) {
    this.#child = child
    child.stdout!.on('data', (chunk: Buffer) => {
      this.#heard += chunk
    })
    child.stdin!.on('error', () => undefined)
  }

  /** True when what is said comes back within the time. */
  async echoes(line: string, seconds: number): Promise<boolean> {
    this.#child.stdin!.write(`${line}\n`)
    const came = await until(seconds, async () => (this.#heard.includes(line) ? true : undefined), 50)
    return came === true
  }
}
