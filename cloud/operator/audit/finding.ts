// What the leak audit finds.

/** Something that exists and that no record wants, or a record whose thing does not exist. */
export interface Finding {
  /** Such as `domain`, `tap`, `port`, `claim`, `image-file`. */
  kind: string
  id: string
  /** Absent for what lies on no host. */
  host?: string
  why: string
}

/** What could not be looked at, so that the audit is not whole. */
export interface Unchecked {
  what: string
  why: string
}

export interface AuditReport {
  orphans: Finding[]
  /** How many things of each kind were looked at. */
  checked: Record<string, number>
  unchecked: Unchecked[]
}

/** A kind of thing, compared with the records. */
export interface Looked {
  checked: Record<string, number>
  findings: Finding[]
  unchecked?: Unchecked[]
}
