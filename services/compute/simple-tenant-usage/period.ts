// The period that a usage report is asked for, in milliseconds since 1970; the fraction are microseconds.
import { fault } from '../faults.ts'

export interface Period {
  start: number
  stop: number
}

const FORM = /^(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d?):(\d\d?)(?:\.(\d{1,6}))?)?$/

/** Of the query, `start` and `end`; what is left out is now, and what lies ahead ends now. */
export function periodOf(search: URLSearchParams, now: number): Period {
  const start = timeOf(search.get('start'), now)
  const stop = timeOf(search.get('end'), now)
  if (start >= stop) {
    throw fault('BadRequest', {
      message: 'Invalid start time. The start time cannot occur after the end time.',
    })
  }
  return { start, stop: Math.min(stop, now) }
}

function timeOf(text: string | null, now: number): number {
  if (text === null || text === '') return now
  const [, year, month, day, hour = '0', minute = '0', second = '0', fraction = ''] = FORM.exec(text) ?? []
  const parts = [Number(month) - 1, Number(day), Number(hour), Number(minute), Number(second)] as const
  const at = new Date(Date.UTC(Number(year), ...parts))
  const understood = [at.getUTCMonth(), at.getUTCDate(), at.getUTCHours(), at.getUTCMinutes(), at.getUTCSeconds()]
  const isTime = year !== undefined && parts.every((part, index) => part === understood[index])
  if (!isTime) throw fault('BadRequest', { message: 'Invalid datetime string: Datetime is in invalid format' })
  return at.getTime() + Number(fraction.padEnd(6, '0')) / 1000
}
