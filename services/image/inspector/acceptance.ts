// Whether an image's content is what its owner declared it to be.
import type { ContentFormat, Problem } from './format.ts'
import type { Inspection } from './inspection.ts'

const PLAIN: readonly ContentFormat[] = ['raw', 'gpt', 'mbr']

/** Contents that a declared disk_format may have. A raw disk may begin with a partition table, and with nothing else. */
const ACCEPTED: Record<string, readonly ContentFormat[]> = {
  raw: PLAIN,
  ami: PLAIN,
  aki: PLAIN,
  ari: PLAIN,
  qcow2: ['qcow2'],
  vmdk: ['vmdk'],
  vhd: ['vhd'],
  vhdx: ['vhdx'],
  vdi: ['vdi'],
  iso: ['iso'],
  ploop: ['ploop'],
}

/** Why the finished inspection forbids the content under the declared disk_format. Empty: it is acceptable. */
export function refusals(declared: string, inspection: Inspection): Problem[] {
  const accepted = ACCEPTED[declared] ?? []
  if (accepted.includes(inspection.format)) return inspection.problems
  return [mismatch(declared, inspection.format), ...inspection.problems]
}

/** The same for an inspection that is still under way: only what further bytes cannot mend. */
export function earlyRefusals(declared: string, soFar: Inspection): Problem[] {
  const accepted = ACCEPTED[declared] ?? []
  const isPlain = PLAIN.includes(soFar.format)
  return isPlain || accepted.includes(soFar.format)
    ? soFar.problems
    : [mismatch(declared, soFar.format), ...soFar.problems]
}

function mismatch(declared: string, found: ContentFormat): Problem {
  return { what: 'mismatch', why: `The disk_format is ${declared}, but the content is ${found}.` }
}
