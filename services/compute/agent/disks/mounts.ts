// What is mounted, as the kernel says it.
import { readFile } from 'node:fs/promises'

interface Mount {
  /** `major:minor` of the mounted device. */
  device: string
  path: string
  /** What is mounted in it is seen by processes with a view of their own, such as a private libvirtd. */
  shared: boolean
}

/** Spaces and the like stand in it as octal numbers. */
const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)))

export async function mounts(): Promise<Mount[]> {
  const lines = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter(Boolean)
  return lines.map((line) => {
    const [, , device = '', , path = '', , ...fields] = line.split(' ')
    const shared = fields.slice(0, fields.indexOf('-')).some((field) => field.startsWith('shared:'))
    return { device, path: unescaped(path), shared }
  })
}

export async function mountedOn(path: string): Promise<boolean> {
  return (await mounts()).some((mount) => mount.path === path)
}

/** The paths of what is mounted inside the folder. */
export async function mountsUnder(folder: string): Promise<string[]> {
  return (await mounts()).map(({ path }) => path).filter((path) => path.startsWith(`${folder}/`))
}

/** Whether what is mounted at the path, or below it, is seen by processes with a view of their own. */
export async function isShared(path: string): Promise<boolean> {
  const above = (await mounts()).filter((mount) => `${path}/`.startsWith(mount.path === '/' ? '/' : `${mount.path}/`))
  const longest = Math.max(...above.map((mount) => mount.path.length))
  return above.findLast((mount) => mount.path.length === longest)?.shared ?? false
}
