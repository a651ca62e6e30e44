// The way to a daemon through ssh: libvirt's own helper on the other side passes the bytes on.
import type { ChildProcessWithoutNullStreams } from 'node:child_process'
import { spawn } from 'node:child_process'
import { Duplex } from 'node:stream'

export interface SshOptions {
  user?: string
  port?: number
  /** A private key's file. */
  identity?: string
  /** More arguments for ssh, before the host. */
  args?: readonly string[]
  /** The driver's uri there. Default `qemu:///system`. */
  uri?: string
}

/** A connector to `host` by `ssh … virt-ssh-helper`. Never asks for a password. */
export function sshHelper(host: string, options: SshOptions = {}): () => Promise<Duplex> {
  const { user, port, identity, args = [], uri = 'qemu:///system' } = options
  const to = [
    ...(user ? ['-l', user] : []),
    ...(port ? ['-p', String(port)] : []),
    ...(identity ? ['-i', identity] : []),
  ]
  return () => programStream('ssh', ['-T', '-o', 'BatchMode=yes', ...to, ...args, '--', host, 'virt-ssh-helper', uri])
}

/** A program's standard input and output as one stream; where it fails, its error output is the stream's error. */
export async function programStream(file: string, args: readonly string[]): Promise<Duplex> {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const started = Promise.withResolvers<void>()
  child.once('spawn', started.resolve)
  child.once('error', started.reject)
  await started.promise
  return new ProgramStream(child, file)
}

class ProgramStream extends Duplex {
  readonly #child: ChildProcessWithoutNullStreams

  constructor(child: ChildProcessWithoutNullStreams, file: string) {
    super()
    this.#child = child
    let said = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-2000)
    })
    child.stdin.on('error', () => undefined) // one that ended says why by its exit code
    child.stdout.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) child.stdout.pause()
    })
    // Not at the end of its output: only after this is known whether it failed.
    child.once('close', (code) => {
      if (code === 0) this.push(null)
      else this.destroy(new Error(`${file} ended with code ${code}: ${said.trim()}`))
    })
  }

  override _read(): void {
    this.#child.stdout.resume()
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#child.stdin.write(chunk, () => done())
  }

  override _final(done: () => void): void {
    this.#child.stdin.end(done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#child.kill()
    done(error)
  }
}
