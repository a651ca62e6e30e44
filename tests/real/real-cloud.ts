// A cloud as a process of its own on this machine, for tests that kill it, start it again and look what is left.
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { CommandResult } from '@kilonova/base/command'
import { run } from '@kilonova/base/command'
import { ApiClient, answers, until } from '@kilonova/cloud/api-client'
import { buildGuestImage } from '@kilonova/cloud/guest-image/build'
import type { AuditReport } from '@kilonova/cloud/operator/audit/finding'
import { StateDirectory } from '@kilonova/cloud/state-directory'
import { removeTraces, tracesOf } from './host-traces.ts'

const MAIN = fileURLToPath(import.meta.resolve('@kilonova/cloud/cli/main'))
/** Where the guest's image is kept between tests, since building it takes a while. */
const CACHE = join(process.env['KILONOVA_TEST_CACHE'] ?? join(tmpdir(), 'kilonova-test-cache'), 'guest-image')
const START_SECONDS = 60
const READY_SECONDS = 180
const END_SECONDS = 60

export interface RealCloudOptions {
  driver?: 'libvirt' | 'fake'
  fakeHosts?: number
  /** The text of kilonova.toml. The default spares the search for KVM. */
  config?: string
}

/** How a process ended. */
export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

interface Running {
  child: ChildProcess
  ended: Promise<Ended>
  /** Set once it has ended. */
  how: Ended | undefined
}

export class RealCloud {
  readonly state: StateDirectory
  readonly port: number
  /** Sessions of the first start: they go on after a restart. */
  admin!: ApiClient
  demo!: ApiClient
  readonly #options: Required<RealCloudOptions>
  #running: Running | undefined

  private constructor(directory: string, port: number, options: Required<RealCloudOptions>) {
    this.state = new StateDirectory(directory)
    this.port = port
    this.#options = options
  }

  /** A new state directory; nothing runs yet. Whoever made it calls `remove`. */
  static async create(options: RealCloudOptions = {}): Promise<RealCloud> {
    const { driver = 'libvirt', fakeHosts = 1, config = '[compute]\nvirt_type = "qemu"\n' } = options
    const directory = await mkdtemp(join(tmpdir(), 'kn-'))
    const cloud = new RealCloud(directory, await freePort(), { driver, fakeHosts, config })
    await cloud.state.prepare()
    await writeFile(cloud.state.configFile, config)
    if (driver === 'libvirt') await seedGuestImage(cloud.state)
    return cloud
  }

  /** A new cloud that can boot servers. */
  static async start(options: RealCloudOptions = {}): Promise<RealCloud> {
    const cloud = await RealCloud.create(options)
    try {
      await cloud.up()
      await cloud.ready()
      return cloud
    } catch (error) {
      await cloud.remove()
      throw error
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  get pid(): number {
    return this.#running!.child.pid!
  }

  /** Starts the process and waits until it answers. */
  async up(env: Record<string, string> = {}): Promise<void> {
    const running = this.#spawn(env)
    const found = await until(
      START_SECONDS,
      async () => (running.how || (await answers(this.url)) ? true : undefined),
      50,
    )
    if (found && !running.how) return
    throw new Error(`the cloud did not answer on ${this.url}: ${await this.#lastWords()}`)
  }

  #spawn(env: Record<string, string>): Running {
    const { driver, fakeHosts } = this.#options
    const args = ['--state-dir', this.state.path, '--port', String(this.port), '--driver', driver]
    const output = openSync(this.#output, 'a', 0o600)
    const child = spawn(process.execPath, [...quiet, MAIN, 'up', ...args, '--fake-hosts', String(fakeHosts)], {
      env: { ...process.env, ...env },
      stdio: ['ignore', output, output],
    })
    closeSync(output)
    const running: Running = { child, how: undefined, ended: ended(child) }
    running.ended.then(
      (how) => {
        running.how = how
      },
      () => undefined,
    )
    this.#running = running
    return running
  }

  get #output(): string {
    return join(this.state.path, 'test-output')
  }

  async #lastWords(): Promise<string> {
    const lines = (await readFile(this.#output, 'utf8')).trim().split('\n')
    return lines.slice(-20).join('\n')
  }

  /** Waits until both users are logged in, the image can be booted and every host answers. */
  async ready(): Promise<void> {
    this.admin ??= await this.logIn('admin')
    this.demo ??= await this.logIn('demo')
    const ready = await until(READY_SECONDS, async () => {
      const { images } = await this.demo.ask<{ images: unknown[] }>({
        path: '/image/v2/images?name=kilonova-tiny&status=active',
      })
      return images.length > 0 && (await this.#hostsAnswer()) ? true : undefined
    })
    if (!ready) throw new Error(`the cloud was not ready within ${READY_SECONDS} s: ${await this.#lastWords()}`)
  }

  /** A host that reported just before it was killed still counts as up; one that can be looked at is. */
  async #hostsAnswer(): Promise<boolean> {
    const { hosts } = await this.admin.ask<{ hosts: { state: string }[] }>({ path: '/kilonova/v1/status' })
    const up = hosts.filter(({ state }) => state === 'up')
    return up.length === this.#options.fakeHosts && (await this.audit()).unchecked.length === 0
  }

  async logIn(name: 'admin' | 'demo'): Promise<ApiClient> {
    const passwords = await this.state.credentials()
    return ApiClient.logIn(this.url, { name, password: passwords[name], project: name })
  }

  /** The death of the process at any moment. */
  async kill(): Promise<void> {
    this.#running?.child.kill('SIGKILL')
    await this.#running?.ended
  }

  /** Ends it as an operator does. */
  async stop(): Promise<Ended> {
    this.#running!.child.kill('SIGTERM')
    return this.end()
  }

  /** Waits until the process has ended by itself. */
  async end(): Promise<Ended> {
    const how = await until(END_SECONDS, async () => this.#running!.how, 20)
    if (!how) throw new Error(`the cloud did not end within ${END_SECONDS} s: ${await this.#lastWords()}`)
    return how
  }

  /** True until the process has ended. */
  get runs(): boolean {
    return this.#running !== undefined && this.#running.how === undefined
  }

  /** A new token of a user, for requests by hand. */
  async token(name: 'admin' | 'demo'): Promise<string> {
    const { [name]: password } = await this.state.credentials()
    const domain = { id: 'default' }
    const identity = { methods: ['password'], password: { user: { name, domain, password } } }
    const reply = await fetch(`${this.url}/identity/v3/auth/tokens`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ auth: { identity, scope: { project: { name, domain } } } }),
    })
    if (reply.status !== 201) throw new Error(`no token for ${name}: ${await reply.text()}`)
    return reply.headers.get('x-subject-token')!
  }

  /** `./kilonova …` on this cloud. */
  command(...args: string[]): Promise<CommandResult> {
    return kilonova(...args, '--state-dir', this.state.path)
  }

  audit(): Promise<AuditReport> {
    return this.admin.ask<AuditReport>({ path: '/kilonova/v1/audit' })
  }

  /** virsh at the libvirtd of this cloud. */
  async virsh(...args: string[]): Promise<string> {
    const { stdout } = await this.command('status', '--json')
    const { libvirt_uri: uri } = JSON.parse(stdout) as { libvirt_uri: string }
    return (await run('virsh', ['-q', '-c', uri, ...args])).stdout.trim()
  }

  /** What this cloud has on the machine outside its directory. */
  async traces(): Promise<string[]> {
    const { tag } = await this.state.identity()
    return tracesOf({ directory: this.state.path, tag })
  }

  /** Ends and removes everything, in whatever state it is. */
  async remove(): Promise<void> {
    await this.kill()
    const { tag } = await this.state.identity()
    await removeTraces({ directory: this.state.path, tag })
    await rm(this.state.path, { recursive: true, force: true })
  }
}

const quiet = ['--disable-warning=ExperimentalWarning']

/** `./kilonova …`, whatever its exit code. */
export function kilonova(...args: string[]): Promise<CommandResult> {
  return run(process.execPath, [...quiet, MAIN, ...args], { accept: [0, 1, 2, 3, 4, 5] })
}

function ended(child: ChildProcess): Promise<Ended> {
  return new Promise((resolve, reject) => {
    child.once('exit', (code, signal) => resolve({ code, signal }))
    child.once('error', reject)
  })
}

/** A port that nothing listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

async function seedGuestImage({ guestImage }: StateDirectory): Promise<void> {
  const { path } = await buildGuestImage({ directory: CACHE, log: () => undefined })
  const built = dirname(path)
  await mkdir(guestImage, { recursive: true })
  await cp(built, join(guestImage, basename(built)), { recursive: true })
  await cp(join(CACHE, 'newest.json'), join(guestImage, 'newest.json'))
}
