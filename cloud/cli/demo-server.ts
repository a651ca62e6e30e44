// What the demo asks of the cloud, as any user would: a key, a security group, a server, its console, a login.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import { systemRandom } from '@kilonova/base/random'
import type { ApiClient } from '../api-client.ts'
import { until } from '../api-client.ts'
import { fault } from '../faults.ts'
import { readIfThere, type StateDirectory } from '../state-directory.ts'

const KEY = 'kilonova-demo'
const GROUP = 'kilonova-demo'
const IMAGE = 'kilonova-tiny'
const FLAVOR = 'm1.nano'
const NETWORK = 'private'
const LIMIT_SECONDS = 180

interface Server {
  id: string
  name: string
  status: string
  addresses: Record<string, { addr: string; version: number }[]>
  fault?: { message: string; details?: string }
}

interface Named {
  id: string
  name: string
}

export class Demo {
  readonly #client: ApiClient
  readonly #keyFile: string
  #network = ''
  #server = ''

  constructor(client: ApiClient, state: StateDirectory) {
    this.#client = client
    this.#keyFile = join(state.path, 'demo', 'id_ed25519')
  }

  /** The id of the image once it can be booted. */
  async image(): Promise<string | undefined> {
    const { images } = await this.#client.ask<{ images: Named[] }>({
      path: `/image/v2/images?name=${IMAGE}&status=active`,
    })
    return images[0]?.id
  }

  /** Key, security group and network are there. */
  async prepare(): Promise<void> {
    await this.#prepareKey()
    await this.#prepareGroup()
    const { networks } = await this.#client.ask<{ networks: Named[] }>({
      path: `/network/v2.0/networks?name=${NETWORK}`,
    })
    if (!networks[0]) throw fault('DemoLacks', { what: `the network ${NETWORK}` })
    this.#network = networks[0].id
  }

  async #prepareKey(): Promise<void> {
    await mkdir(join(this.#keyFile, '..'), { recursive: true, mode: 0o700 })
    if ((await readIfThere(`${this.#keyFile}.pub`)) === undefined) {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', KEY, '-f', this.#keyFile])
    }
    const publicKey = (await readIfThere(`${this.#keyFile}.pub`))!.trim()
    const { keypairs } = await this.#client.ask<{ keypairs: { keypair: { name: string; public_key: string } }[] }>({
      path: '/compute/v2.1/os-keypairs',
    })
    const known = keypairs.find(({ keypair }) => keypair.name === KEY)?.keypair
    if (known?.public_key.trim() === publicKey) return
    if (known) await this.#client.ask({ method: 'DELETE', path: `/compute/v2.1/os-keypairs/${KEY}` })
    const keypair = { name: KEY, public_key: publicKey, type: 'ssh' }
    await this.#client.ask({ method: 'POST', path: '/compute/v2.1/os-keypairs', body: { keypair } })
  }

  async #prepareGroup(): Promise<void> {
    const path = '/network/v2.0/security-groups'
    const { security_groups: known } = await this.#client.ask<{ security_groups: Named[] }>({
      path: `${path}?name=${GROUP}`,
    })
    if (known.length > 0) return
    const { security_group: group } = await this.#client.ask<{ security_group: Named }>({
      method: 'POST',
      path,
      body: { security_group: { name: GROUP, description: 'ssh and ping from anywhere' } },
    })
    const common = { security_group_id: group.id, direction: 'ingress', ethertype: 'IPv4' }
    const rules = [
      { ...common, protocol: 'tcp', port_range_min: 22, port_range_max: 22 },
      { ...common, protocol: 'icmp' },
    ]
    for (const rule of rules) {
      await this.#client.ask({
        method: 'POST',
        path: '/network/v2.0/security-group-rules',
        body: { security_group_rule: rule },
      })
    }
  }

  async createServer(image: string): Promise<Named> {
    const { flavors } = await this.#client.ask<{ flavors: Named[] }>({ path: '/compute/v2.1/flavors' })
    const flavor = flavors.find(({ name }) => name === FLAVOR)
    if (!flavor) throw fault('DemoLacks', { what: `the flavor ${FLAVOR}` })
    const name = `demo-${systemRandom.bytes(2).toString('hex')}`
    const server = {
      name,
      imageRef: image,
      flavorRef: flavor.id,
      key_name: KEY,
      config_drive: true,
      networks: [{ uuid: this.#network }],
      security_groups: [{ name: GROUP }],
    }
    const made = await this.#client.ask<{ server: Named }>({
      method: 'POST',
      path: '/compute/v2.1/servers',
      body: { server },
    })
    this.#server = made.server.id
    return { id: made.server.id, name }
  }

  async untilActive(id: string): Promise<{ status: string; address: string }> {
    const server = await until(LIMIT_SECONDS, async () => {
      const shown = await this.#show(id)
      return shown.status === 'BUILD' ? undefined : shown
    })
    if (server?.status !== 'ACTIVE') {
      const why = server?.fault?.message ?? `it is still being built after ${LIMIT_SECONDS} s`
      throw fault('DemoServerFailed', { id, why })
    }
    const addresses = Object.values(server.addresses).flat()
    const address = addresses.find(({ version }) => version === 4) ?? addresses[0]
    return { status: server.status, address: address?.addr ?? '' }
  }

  async #show(id: string): Promise<Server> {
    return (await this.#client.ask<{ server: Server }>({ path: `/compute/v2.1/servers/${id}` })).server
  }

  /** The guest has said on its console that it is ready. */
  async untilReady(id: string): Promise<void> {
    const said = await until(LIMIT_SECONDS, async () =>
      (await this.#console(id)).some((line) => line.includes('kilonova-tiny ready:')) ? true : undefined,
    )
    if (!said) throw fault('DemoServerFailed', { id, why: `its guest did not get ready within ${LIMIT_SECONDS} s` })
  }

  async #console(id: string): Promise<string[]> {
    const { output } = await this.#client.ask<{ output: string }>({
      method: 'POST',
      path: `/compute/v2.1/servers/${id}/action`,
      body: { 'os-getConsoleOutput': {} },
    })
    return output.split(/\r?\n/)
  }

  async consoleTail(id: string): Promise<string[]> {
    const shown = 6
    return (await this.#console(id)).filter((line) => line.trim() !== '').slice(-shown)
  }

  /** Tenant networks are not the host's: the way in is the namespace of the network's DHCP server. */
  #ssh(address: string): string[] {
    const keep = ['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR']
    return ['netns', 'exec', `kn-dhcp-${this.#network}`, 'ssh', '-i', this.#keyFile, ...keep, `root@${address}`]
  }

  async loginCommand(address: string): Promise<string> {
    return `sudo ip ${this.#ssh(address).join(' ')}`
  }

  /** True when a login by ssh answers with the server's own name. */
  async logIn(address: string, name: string): Promise<boolean> {
    const tries = { seconds: 20, each: 15_000 }
    const answer = await until(tries.seconds, async () => {
      const batch = [...this.#ssh(address), '-o', 'BatchMode=yes', '-o', 'ConnectTimeout=5', 'hostname']
      const reply = await run('ip', batch, { timeout: tries.each }).catch(() => undefined)
      return reply?.stdout.trim()
    })
    return answer === name
  }

  /** The server is gone, and with the last one of a demo its group and key. */
  async remove(): Promise<void> {
    const path = `/compute/v2.1/servers/${this.#server}`
    await this.#client.ask({ method: 'DELETE', path })
    const gone = await until(
      LIMIT_SECONDS,
      async () =>
        await this.#client.ask({ path }).then(
          () => undefined,
          () => true,
        ),
    )
    if (!gone)
      throw fault('DemoServerFailed', { id: this.#server, why: `it was not deleted within ${LIMIT_SECONDS} s` })
    const { servers } = await this.#client.ask<{ servers: { key_name: string | null }[] }>({
      path: '/compute/v2.1/servers/detail',
    })
    if (servers.some((server) => server.key_name === KEY)) return
    await this.#client.ask({ method: 'DELETE', path: `/compute/v2.1/os-keypairs/${KEY}` })
    const { security_groups: groups } = await this.#client.ask<{ security_groups: Named[] }>({
      path: `/network/v2.0/security-groups?name=${GROUP}`,
    })
    for (const { id } of groups)
      await this.#client.ask({ method: 'DELETE', path: `/network/v2.0/security-groups/${id}` })
  }
}
