// Opens the port, or says who has it.
import { readdir, readFile, readlink } from 'node:fs/promises'
import type { Api } from '@kilonova/api/server'
import { fault } from './faults.ts'

export async function listen(api: Api, where: { host: string; port: number }): Promise<string> {
  const { host, port } = where
  try {
    return await api.listen({ host, port })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') throw fault('PortInUse', { host, port, holder: await holderOf(port) }, error)
    if (code === 'EADDRNOTAVAIL') throw fault('AddressNotOurs', { host }, error)
    throw error
  }
}

const LISTENING = '0A'

/** The program that listens on a TCP port, as `nginx (pid 17)`; undefined when it cannot be seen. */
export async function holderOf(port: number): Promise<string | undefined> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const lines = (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1)
    const entry = lines
      .map((line) => line.trim().split(/\s+/))
      .find(([, local, , state]) => state === LISTENING && local?.endsWith(wanted))
    if (entry) return holderOfInode(entry[9]!)
  }
  return undefined
}

async function holderOfInode(inode: string): Promise<string | undefined> {
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const files = await readdir(`/proc/${pid}/fd`).catch(() => [])
    for (const file of files) {
      const target = await readlink(`/proc/${pid}/fd/${file}`).catch(() => '')
      if (target === `socket:[${inode}]`) return `${(await readFile(`/proc/${pid}/comm`, 'utf8')).trim()} (pid ${pid})`
    }
  }
  return undefined
}
