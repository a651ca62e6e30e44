// The facts that `explain` tells of a server. Times are ISO 8601 in UTC, durations seconds.

export interface Explanation {
  server: ExplainedServer
  /** Where it lives; null while it has no host. */
  host: ExplainedHost | null
  /** The disk (`vda`) for whose writes its host has no room, so that its guest stands still; null: none, or not known. */
  stalled: string | null
  /** The newest operation; null when none is recorded (any more). */
  operation: ExplainedOperation | null
  /** The newest fault, as its user sees it. */
  fault: { code: number; message: string; details: string; at: string } | null
  /** For a placement that failed, in the order of the filters: how many hosts each removed and what the nearest lacked. */
  placement: RemovedHosts[] | null
  /** Of such a placement: no host at all, none up, none of those that suit with room, or none that suits. */
  lack: 'no_host' | 'no_host_up' | 'no_capacity' | 'constraint' | null
  /** What to do, one sentence each. */
  advice: string[]
}

export interface ExplainedServer {
  id: string
  name: string
  project_id: string
  project_name: string
  status: string
  vm_state: string
  task_state: string | null
  /** Since when it is what it is now, as far as operations tell. */
  since: string
  created_at: string
  deleted_at: string | null
  locked: boolean
}

export interface ExplainedHost {
  name: string
  up: boolean
  last_seen_at: string | null
  /** Null when it takes new servers. */
  disabled_reason: string | null
}

export interface ExplainedError {
  code: string | null
  message: string
  mend: string | null
}

export interface ExplainedOperation {
  id: string
  name: string
  request_id: string
  state: 'waiting' | 'running' | 'stuck' | 'done' | 'undone'
  direction: 'do' | 'undo'
  attempt: number
  asked_at: string
  started_at: string | null
  ended_at: string | null
  deadline_at: string
  /** The step at which it is; null after the last. */
  step: string | null
  /** Why it waits, is tried again or is stuck. */
  reason: string | null
  cancelled: string | null
  /** The process that works on it. */
  owner: string | null
  error: ExplainedError | null
  steps: ExplainedStep[]
}

export interface ExplainedStep {
  step: string
  direction: 'do' | 'undo'
  attempt: number
  started_at: string
  /** Null for the one that runs. */
  outcome: 'done' | 'failed' | 'undone' | 'stuck' | null
  seconds: number
  /** Failed runs before the last one. */
  tries: number
  error: ExplainedError | null
}

export interface RemovedHosts {
  filter: string
  hosts: number
  nearest: string | null
}
