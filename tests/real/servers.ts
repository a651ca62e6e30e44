// Servers of a real cloud, as their users see them.
import { join } from 'node:path'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import type { ApiClient } from '@kilonova/cloud/api-client'
import { until } from '@kilonova/cloud/api-client'

export interface ShownServer {
  id: string
  name: string
  status: string
  addresses: Record<string, { addr: string; version: number; 'OS-EXT-IPS:type': string }[]>
  'OS-EXT-STS:task_state': string | null
  'OS-EXT-STS:power_state': number
  fault?: { code: number; message: string; details?: string }
}

const LIMIT_SECONDS = 300

/** The ids of what the cloud brought along. */
export interface Things {
  image: string
  flavor: string
  network: string
}

export async function thingsOf(client: ApiClient): Promise<Things> {
  const first = async (path: string, list: string, name: string): Promise<string> => {
    const found = (await client.ask<Record<string, { id: string; name: string }[]>>({ path }))[list] ?? []
    const thing = found.find((one) => one.name === name)
    if (!thing) throw new Error(`${path} lists no ${name}`)
    return thing.id
  }
  return {
    image: await first('/image/v2/images', 'images', 'kilonova-tiny'),
    flavor: await first('/compute/v2.1/flavors', 'flavors', 'm1.nano'),
    network: await first('/network/v2.0/networks', 'networks', 'private'),
  }
}

/** POSTs a server on the usual image, flavor and network; returns its id. With the same key it is one server. */
export async function createServer(
  client: ApiClient,
  things: Things,
  parts: object = {},
  key?: string,
): Promise<string> {
  const { image, flavor, network } = things
  const server = { name: 'test', imageRef: image, flavorRef: flavor, networks: [{ uuid: network }], ...parts }
  const reply = await client.ask<{ server: { id: string } }>({
    method: 'POST',
    path: '/compute/v2.1/servers',
    body: { server },
    ...(key === undefined ? {} : { headers: { 'idempotency-key': key } }),
  })
  return reply.server.id
}

export async function showServer(client: ApiClient, id: string): Promise<ShownServer> {
  return (await client.ask<{ server: ShownServer }>({ path: `/compute/v2.1/servers/${id}` })).server
}

/** The same; undefined when there is none. */
export async function findServer(client: ApiClient, id: string): Promise<ShownServer | undefined> {
  try {
    return await showServer(client, id)
  } catch (error) {
    if (isFault(error) && error.status === 404) return undefined
    throw error
  }
}

const rests = (server: ShownServer): boolean => server.status !== 'BUILD' && server['OS-EXT-STS:task_state'] === null

/** Waits until nothing works on the server; undefined when it is gone then. */
export async function settled(client: ApiClient, id: string): Promise<ShownServer | undefined> {
  const found = await until(
    LIMIT_SECONDS,
    async () => {
      const server = await findServer(client, id)
      return server === undefined || rests(server) ? { server } : undefined
    },
    50,
  )
  if (!found) throw new Error(`server ${id} did not settle: ${JSON.stringify(await findServer(client, id))}`)
  return found.server
}

/** Waits until the server is ACTIVE. */
export async function active(client: ApiClient, id: string): Promise<ShownServer> {
  const server = await settled(client, id)
  if (server?.status !== 'ACTIVE') throw new Error(`server ${id} is not active: ${JSON.stringify(server)}`)
  return server
}

export async function act(client: ApiClient, id: string, body: object): Promise<void> {
  await client.ask({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body })
}

export async function consoleOf(client: ApiClient, id: string): Promise<string> {
  const path = `/compute/v2.1/servers/${id}/action`
  return (await client.ask<{ output: string }>({ method: 'POST', path, body: { 'os-getConsoleOutput': {} } })).output
}

/** Waits until the guest has said for the nth time that it is ready. */
export async function booted(client: ApiClient, id: string, times = 1): Promise<string> {
  const READY = 'kilonova-tiny ready:'
  const output = await until(LIMIT_SECONDS, async () => {
    const text = await consoleOf(client, id)
    return text.split(READY).length > times ? text : undefined
  })
  if (output === undefined) throw new Error(`server ${id} did not boot: ${(await consoleOf(client, id)).slice(-2000)}`)
  return output
}

/** DELETEs the server and waits until it is gone. */
export async function removeServer(client: ApiClient, id: string): Promise<void> {
  await client.ask({ method: 'DELETE', path: `/compute/v2.1/servers/${id}` })
  const server = await until(LIMIT_SECONDS, async () => ((await findServer(client, id)) ? undefined : true), 50)
  if (!server) throw new Error(`server ${id} was not deleted: ${JSON.stringify(await findServer(client, id))}`)
}

/** A key pair of this name; returns the private key's file. */
export async function createKey(client: ApiClient, directory: string, name: string): Promise<string> {
  const keyFile = join(directory, `key-${name}`)
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', keyFile])
  const { stdout } = await run('cat', [`${keyFile}.pub`])
  const keypair = { name, public_key: stdout.trim(), type: 'ssh' }
  await client.ask({ method: 'POST', path: '/compute/v2.1/os-keypairs', body: { keypair } })
  return keyFile
}

/** A security group that lets these TCP ports and pings in; returns its id. */
export async function createGroup(client: ApiClient, name: string, ports: number[]): Promise<string> {
  const made = await client.ask<{ security_group: { id: string } }>({
    method: 'POST',
    path: '/network/v2.0/security-groups',
    body: { security_group: { name } },
  })
  const common = { security_group_id: made.security_group.id, direction: 'ingress', ethertype: 'IPv4' }
  const rules = [
    { ...common, protocol: 'icmp' },
    ...ports.map((port) => ({ ...common, protocol: 'tcp', port_range_min: port, port_range_max: port })),
  ]
  for (const rule of rules) {
    const body = { security_group_rule: rule }
    await client.ask({ method: 'POST', path: '/network/v2.0/security-group-rules', body })
  }
  return made.security_group.id
}

export function fixedAddress({ addresses }: ShownServer): string {
  const all = Object.values(addresses).flat()
  const fixed = all.find(({ 'OS-EXT-IPS:type': type, version }) => type === 'fixed' && version === 4)
  if (!fixed) throw new Error(`the server has no fixed address: ${JSON.stringify(addresses)}`)
  return fixed.addr
}
