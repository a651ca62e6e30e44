// The way to a daemon through ssh: libvirt's own helper on the other side passes the bytes on.
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

/** A program's standard input and output as one stream; its error output becomes the stream's error. */
export async function programStream(file: string, args: readonly string[]): Promise<Duplex> {
  const child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-2000)
  })
  const started = Promise.withResolvers<void>()
  child.once('spawn', started.resolve)
  child.once('error', started.reject)
  await started.promise
  // Node documents this form, its types lack it.
  const both = { readable: child.stdout, writable: child.stdin } as unknown as NodeJS.ReadableStream
  const stream = Duplex.from(both)
  child.once('close', (code) => {
    if (code !== 0 && !stream.destroyed) stream.destroy(new Error(`${file} ended with code ${code}: ${said.trim()}`))
  })
  stream.once('close', () => child.kill())
  return stream
}
