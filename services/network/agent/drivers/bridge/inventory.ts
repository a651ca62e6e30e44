// What on this host carries the cloud's label, whether anybody still wants it or not.
import { access, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { run } from '@kilonova/base/command'
import type { HostState, HostThing, ThingKind } from '../../backend.ts'
import type { BridgeHost } from './bridge-host.ts'
import { dnsmasqProcesses, removeDnsmasq } from './dnsmasq.ts'
import { labelledLinks } from './links.ts'
import { readAlias, tableName } from './names.ts'
import { listNamespaces, namespaceLabel, removeNamespace } from './namespaces.ts'

export async function inventory(host: BridgeHost, state: HostState): Promise<HostThing[]> {
  const parts = await Promise.all([
    links(host),
    namespaces(host, state),
    dnsmasqs(host),
    chains(host),
    leaseFiles(host),
    listeners(host),
  ])
  return parts.flat()
}

async function links(host: BridgeHost): Promise<HostThing[]> {
  return (await labelledLinks()).flatMap(({ name, alias }) => {
    const owner = readAlias(host.cloudTag, alias)
    if (!owner) return []
    const kind: ThingKind = name.startsWith('tap') ? 'tap' : name.startsWith('brq') ? 'bridge' : 'veth'
    return [{ kind, id: name, owner: owner.id }]
  })
}

const ownerOf = (namespace: string): string => namespace.replace(/^kn-(dhcp|router)-/, '')

/** Known ones without a look inside; of the others those that are labelled as this cloud's. */
async function namespaces(host: BridgeHost, state: HostState): Promise<HostThing[]> {
  const things: HostThing[] = []
  for (const id of [...(await listNamespaces('kn-dhcp-')), ...(await listNamespaces('kn-router-'))]) {
    const owner = ownerOf(id)
    const known = state.networks.has(owner) || state.routers.has(owner)
    const ours = known || readAlias(host.cloudTag, (await namespaceLabel(id)) ?? '') !== undefined
    if (ours) things.push({ kind: 'namespace', id, owner })
  }
  return things
}

async function dnsmasqs(host: BridgeHost): Promise<HostThing[]> {
  const found = await Promise.all([dnsmasqProcesses(host.dhcpRoot), dnsmasqProcesses(host.raRoot)])
  return found.flatMap((processes) =>
    [...processes.keys()].map((directory) => ({ kind: 'dnsmasq' as const, id: directory, owner: basename(directory) })),
  )
}

const CHAIN = /^(?:sender|egress|ingress|group-egress|group-ingress|outside)-(.+)$/

async function chains(host: BridgeHost): Promise<HostThing[]> {
  const { stdout } = await run('nft', ['-j', 'list', 'chains'])
  const { nftables } = JSON.parse(stdout || '{"nftables":[]}') as {
    nftables: { chain?: { table: string; name: string } }[]
  }
  return nftables.flatMap(({ chain }) => {
    const owner = chain?.table === tableName(host.cloudTag) ? CHAIN.exec(chain.name)?.[1] : undefined
    return chain && owner ? [{ kind: 'nft-chain' as const, id: chain.name, owner }] : []
  })
}

async function leaseFiles(host: BridgeHost): Promise<HostThing[]> {
  const directories = [host.dhcpRoot, host.raRoot]
  const listed = await Promise.all(
    directories.map(async (root) => (await readdir(root).catch(() => [])).map((name) => join(root, name))),
  )
  const there = await Promise.all(
    listed.flat().map(async (directory) => {
      const id = join(directory, 'leases')
      const exists = await access(id).then(
        () => true,
        () => false,
      )
      return exists ? [{ kind: 'lease-file' as const, id, owner: basename(directory) }] : []
    }),
  )
  return there.flat()
}

function listeners(host: BridgeHost): HostThing[] {
  return host.listeners.namespaces().map((id) => ({ kind: 'metadata-listener' as const, id, owner: ownerOf(id) }))
}

/** Chains are left to the next whole set of filters. */
export async function removeThing(host: BridgeHost, { kind, id }: HostThing): Promise<void> {
  switch (kind) {
    case 'tap':
    case 'veth':
    case 'bridge':
      return host.removeLink(id)
    case 'namespace':
      host.listeners.remove(id)
      return removeNamespace(id)
    case 'metadata-listener':
      return host.listeners.remove(id)
    case 'dnsmasq':
      return removeDnsmasq(id, host.clock)
    case 'lease-file':
      return removeDnsmasq(join(id, '..'), host.clock)
    case 'nft-chain':
      return host.filterAll(host.state)
  }
}
