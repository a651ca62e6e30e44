// The words of query strings that several resources take: resources, required, member_of.
import type { Call } from '@kilonova/api/route'
import { isUuidLike } from '@kilonova/base/ids'
import type { Amounts } from './client.ts'
import { fault } from './faults.ts'

type At = Pick<Call, 'at'>['at']

const MAX_AMOUNT = 2_147_483_647

/** `VCPU:2,MEMORY_MB:512`. Throws BadQuery. */
export function askedResources(text: string): Amounts {
  const amounts: Amounts = {}
  for (const part of text.split(',')) {
    const [, name, digits] = /^([A-Z0-9_]+):([1-9]\d*)$/.exec(part) ?? []
    const amount = Number(digits)
    if (name === undefined || amount > MAX_AMOUNT || name in amounts) {
      const message = `Badly formed resources parameter. Expected resources query string parameter in form: ?resources=VCPU:2,MEMORY_MB:1024. Got: ${text}.`
      throw fault('BadQuery', { message })
    }
    amounts[name] = amount
  }
  return amounts
}

export interface AskedTraits {
  /** At least one of each list. */
  required: string[][]
  forbidden: string[]
}

/** `A,!B`, and from 1.39 on also `in:A,B`; all of the values together. Throws BadQuery. */
export function askedTraits(values: readonly string[], at: At): AskedTraits {
  const asked: AskedTraits = { required: [], forbidden: [] }
  for (const value of values) {
    if (value.startsWith('in:') && at('1.39')) {
      asked.required.push(traitNames(value.slice('in:'.length).split(','), value, at))
      continue
    }
    const parts = value.split(',')
    const forbidden = parts.filter((part) => part.startsWith('!') && at('1.22')).map((part) => part.slice(1))
    const required = parts.filter((part) => !(part.startsWith('!') && at('1.22')))
    asked.forbidden.push(...traitNames(forbidden, value, at))
    asked.required.push(...traitNames(required, value, at).map((trait) => [trait]))
  }
  const both = asked.forbidden.filter((trait) => asked.required.some((any) => any.length === 1 && any[0] === trait))
  if (both.length > 0) {
    throw fault('BadQuery', { message: `Conflicting required and forbidden traits found: ${both.join(', ')}.` })
  }
  return asked
}

function traitNames(names: string[], value: string, at: At): string[] {
  if (names.every((name) => /^[A-Z0-9_]+$/.test(name))) return names
  const form = at('1.22') ? 'HW_CPU_X86_VMX,!CUSTOM_MAGIC' : 'HW_CPU_X86_VMX,CUSTOM_MAGIC'
  const message = `Invalid query string parameters: Expected 'required' parameter value of the form: ${form}. Got: ${value}`
  throw fault('BadQuery', { message })
}

export interface AskedAggregates {
  /** In at least one of each list. */
  memberOf: string[][]
  notMemberOf: string[]
}

/** `UUID`, `in:UUID,UUID`, and from 1.32 on with `!` before them; all of the values together. Throws BadQuery. */
export function askedAggregates(values: readonly string[], at: At): AskedAggregates {
  const asked: AskedAggregates = { memberOf: [], notMemberOf: [] }
  for (const value of values) {
    const isForbidden = value.startsWith('!') && at('1.32')
    const rest = isForbidden ? value.slice(1) : value
    const ids = rest.startsWith('in:') ? rest.slice('in:'.length).split(',') : [rest]
    if (!ids.every(isUuidLike)) {
      throw fault('BadQuery', {
        message: `Invalid query string parameters: Expected 'member_of' to be UUIDs. Got: ${value}`,
      })
    }
    if (isForbidden) asked.notMemberOf.push(...ids)
    else asked.memberOf.push(ids)
  }
  return asked
}
