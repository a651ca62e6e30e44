// What users do to ports, floating addresses and security groups.
import assert from 'node:assert/strict'
import type { Floating, Group, Model, NetworkName, Port } from './model.ts'
import { forgetPort, isExhausted, LIMITS, serverOf } from './model.ts'
import type { ModelCloud } from './model-cloud.ts'

const NETWORK = '/network/v2.0'

async function expectStatus(cloud: ModelCloud, request: string, wanted: number, body?: object) {
  const reply = await cloud.ask(request, body ? { body } : {})
  assert.equal(reply.status, wanted, `${request}: ${reply.status} ${JSON.stringify(reply.body)}`)
  await cloud.world.run(cloud.world.told())
  return reply.body
}

export async function createPort(model: Model, cloud: ModelCloud, network: NetworkName): Promise<void> {
  const body = { port: { network_id: cloud.networks[network] } }
  const exhausted = isExhausted(model, network)
  const reply = await expectStatus(cloud, `POST ${NETWORK}/ports`, exhausted ? 409 : 201, body)
  if (exhausted) return
  const { id, fixed_ips: ips } = reply.port
  const address = ips.map((ip: { ip_address: string }) => ip.ip_address).join()
  model.ports.push({ id, network, address, server: null, own: false, groups: [] })
}

/** Its server loses the device. */
export async function deletePort(model: Model, cloud: ModelCloud, port: Port): Promise<void> {
  await expectStatus(cloud, `DELETE ${NETWORK}/ports/${port.id}`, 204)
  const server = serverOf(model, port)
  if (server) await cloud.settled(server.id)
  forgetPort(model, port)
}

export async function setGroups(cloud: ModelCloud, port: Port, groups: Group[]): Promise<void> {
  const security_groups = groups.map(({ id }) => id)
  await expectStatus(cloud, `PUT ${NETWORK}/ports/${port.id}`, 200, { port: { security_groups } })
  port.groups = security_groups
}

export async function createGroup(model: Model, cloud: ModelCloud, name: string): Promise<void> {
  const full = model.groups.length >= LIMITS.groups
  const body = { security_group: { name } }
  const reply = await expectStatus(cloud, `POST ${NETWORK}/security-groups`, full ? 409 : 201, body)
  if (!full) model.groups.push({ id: reply.security_group.id, name })
}

export async function deleteGroup(model: Model, cloud: ModelCloud, group: Group): Promise<void> {
  const isUsed = model.ports.some(({ groups }) => groups.includes(group.id))
  await expectStatus(cloud, `DELETE ${NETWORK}/security-groups/${group.id}`, isUsed ? 409 : 204)
  if (!isUsed) model.groups = model.groups.filter((one) => one !== group)
}

export async function createFloating(model: Model, cloud: ModelCloud): Promise<void> {
  const full = model.floatings.length >= LIMITS.floatings
  const body = { floatingip: { floating_network_id: cloud.networks.public } }
  const reply = await expectStatus(cloud, `POST ${NETWORK}/floatingips`, full ? 409 : 201, body)
  if (full) return
  const { id, floating_ip_address: address } = reply.floatingip
  model.floatings.push({ id, address, port: null })
}

/** No router leads to the narrow network, and a port's address has one floating address. */
export async function associate(model: Model, cloud: ModelCloud, floating: Floating, port: Port | null): Promise<void> {
  const another = port && model.floatings.some((one) => one !== floating && one.port === port.id)
  const wanted = port?.network === 'narrow' ? 404 : another ? 409 : 200
  const body = { floatingip: { port_id: port?.id ?? null } }
  await expectStatus(cloud, `PUT ${NETWORK}/floatingips/${floating.id}`, wanted, body)
  if (wanted === 200) floating.port = port?.id ?? null
}

export async function deleteFloating(model: Model, cloud: ModelCloud, floating: Floating): Promise<void> {
  await expectStatus(cloud, `DELETE ${NETWORK}/floatingips/${floating.id}`, 204)
  model.floatings = model.floatings.filter((one) => one !== floating)
}
