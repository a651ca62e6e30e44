// The link in a guest's folder that keeps the cached image which one of its disks stands on.
import { basename } from 'node:path'
import type { GuestDisk } from '../guest-spec.ts'

/** Its name, by the disk's own. */
export function baseLink({ source }: Pick<GuestDisk, 'source'>): string {
  return `${/disk[^/]*$/.exec(basename(source.path))?.[0] ?? 'disk'}.base`
}
