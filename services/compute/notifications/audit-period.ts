// The bounds of usage audit periods, as `instance_usage_audit_period` says: hour, day, month or year, with an offset
// such as month@15.

export const AUDIT_PERIOD = /^(hour|day|month|year)(@[0-9]+)?$/

type Unit = 'hour' | 'day' | 'month' | 'year'

export interface AuditPeriod {
  /** Milliseconds since 1970. */
  beginning: number
  ending: number
}

/** The period that goes on at `now`: from its begin until now. */
export function currentPeriod(option: string, now: number): AuditPeriod {
  const [unit, offset = '0'] = option.split('@') as [Unit, string?]
  const at = new Date(now)
  const same = beginOf(unit, at, Number(offset), 0)
  return { beginning: same <= now ? same : beginOf(unit, at, Number(offset), -1), ending: now }
}

/** Offsets count minutes in an hour, hours in a day, days in a month and months in a year; the last two from 1. */
function beginOf(unit: Unit, at: Date, offset: number, periods: number): number {
  const [year, month, day, hour] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate(), at.getUTCHours()]
  switch (unit) {
    case 'hour':
      return Date.UTC(year, month, day, hour + periods, offset)
    case 'day':
      return Date.UTC(year, month, day + periods, offset)
    case 'month':
      return Date.UTC(year, month + periods, offset || 1)
    default:
      return Date.UTC(year + periods, (offset || 1) - 1)
  }
}
