// Which of a server's disks is to be a whole device of its host.

/** Placement's class: one unit for each device. */
export const ISOLATED_CLASS = 'CUSTOM_DISK_ISOLATED'

/** The extra spec that names the disk; it asks for one unit of the class. */
export const ISOLATED_SPEC = 'kilonova:isolated_disk'

export type IsolatedRole = 'root' | 'ephemeral'

/** A flavor that only asks for a unit wants its root disk there. */
export function isolatedRole(extraSpecs: Readonly<Record<string, string>>): IsolatedRole | undefined {
  const asked = extraSpecs[ISOLATED_SPEC]
  if (asked === 'root' || asked === 'ephemeral') return asked
  return Number(extraSpecs[`resources:${ISOLATED_CLASS}`] ?? 0) > 0 ? 'root' : undefined
}
