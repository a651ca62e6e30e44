// One thing that the doctor looked at.

export interface Check {
  name: string
  /** `unknown`: it could not be looked at; `what` says why. */
  state: 'ok' | 'wrong' | 'unknown'
  /** What was found. */
  what: string
  /** The command or deed that mends it. Empty when ok. */
  mend: string
}

export const ok = (name: string, what: string): Check => ({ name, state: 'ok', what, mend: '' })
export const wrong = (name: string, what: string, mend: string): Check => ({ name, state: 'wrong', what, mend })
export const unknown = (name: string, what: string, mend: string): Check => ({ name, state: 'unknown', what, mend })

export const NEEDS_ROOT = 'run it as root: sudo ./kilonova doctor'

export const isRoot = (): boolean => process.getuid?.() === 0
