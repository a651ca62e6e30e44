// What a cloud has on this machine outside its directory: processes, network devices, namespaces, filters.
import { readdir } from 'node:fs/promises'
import { run } from '@kilonova/base/command'
import { endAll, processesOf } from '@kilonova/cloud/testing/processes'

export interface WhoseTraces {
  /** The state directory: its processes name it in their arguments. */
  directory: string
  /** The cloud's tag: it stands in the labels of devices and in the names of tables. */
  tag: string
}

interface Link {
  ifname: string
  ifalias?: string
}

interface Table {
  family: string
  name: string
}

/** One line each, such as `tap tap0123`; empty when nothing is left. */
export async function tracesOf({ directory, tag }: WhoseTraces): Promise<string[]> {
  const processes = await processesOf(directory)
  return [
    ...processes.map(({ pid, command }) => `process ${pid} ${command}`),
    ...(await linksOf(tag)).map((name) => `link ${name}`),
    ...(await namespacesOf(tag)).map((name) => `namespace ${name}`),
    ...(await tablesOf(tag)).map(({ family, name }) => `table ${family} ${name}`),
  ]
}

/** Ends and removes all of it, however the cloud left it. */
export async function removeTraces({ directory, tag }: WhoseTraces): Promise<void> {
  await endAll(directory)
  const gone = { accept: [0, 1, 255] }
  for (const name of await linksOf(tag)) await run('ip', ['link', 'del', 'dev', name], gone)
  for (const name of await namespacesOf(tag)) await run('ip', ['netns', 'del', name], gone)
  for (const { family, name } of await tablesOf(tag)) await run('nft', ['delete', 'table', family, name], gone)
}

async function linksOf(tag: string): Promise<string[]> {
  const links = JSON.parse((await run('ip', ['-json', 'link', 'show'])).stdout) as Link[]
  return links.filter((link) => isOurs(link, tag)).map(({ ifname }) => ifname)
}

const isOurs = ({ ifalias }: Link, tag: string): boolean => ifalias?.startsWith(`kilonova:${tag}:`) ?? false

/** A namespace is labelled on its loopback device. */
async function namespacesOf(tag: string): Promise<string[]> {
  const names = (await readdir('/run/netns').catch(() => [])).filter((name) => name.startsWith('kn-'))
  const found: string[] = []
  for (const name of names) {
    const asked = await run('ip', ['-n', name, '-json', 'link', 'show', 'dev', 'lo'], { accept: [0, 1, 255] })
    const links = JSON.parse(asked.stdout || '[]') as Link[]
    if (links.some((link) => isOurs(link, tag))) found.push(name)
  }
  return found
}

async function tablesOf(tag: string): Promise<Table[]> {
  const { stdout } = await run('nft', ['-j', 'list', 'tables'])
  const { nftables } = JSON.parse(stdout) as { nftables: { table?: Table }[] }
  return nftables.flatMap(({ table }) => (table?.name === `kn_${tag}` ? [table] : []))
}
