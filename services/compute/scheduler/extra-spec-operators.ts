// The small language in the values of extra specs: `>= 4`, `s== x`, `<in> abc`, `<or> a <or> b` …

type Compare = (have: string, want: string) => boolean

const numeric =
  (compare: (have: number, want: number) => boolean): Compare =>
  (have, want) => {
    const [a, b] = [Number(have), Number(want)]
    return have !== '' && want !== '' && !Number.isNaN(a) && !Number.isNaN(b) && compare(a, b)
  }

const OPERATORS: Record<string, Compare> = {
  '=': numeric((have, want) => have >= want), // as OpenStack has it: "at least"
  '==': numeric((have, want) => have === want),
  '!=': numeric((have, want) => have !== want),
  '>=': numeric((have, want) => have >= want),
  '<=': numeric((have, want) => have <= want),
  's==': (have, want) => have === want,
  's!=': (have, want) => have !== want,
  's>=': (have, want) => have >= want,
  's>': (have, want) => have > want,
  's<=': (have, want) => have <= want,
  's<': (have, want) => have < want,
  '<in>': (have, want) => have.includes(want),
  '<all-in>': (have, want) => want.split(/\s+/).every((word) => have.includes(word)),
}

const RANGE = /^<range-in>\s*([[(])\s*(\S+)\s+(\S+?)\s*([\])])$/

/** `<range-in> [ 1 10 )`: square brackets take the bound in, round ones leave it out. */
function isInRange(have: string, text: string): boolean {
  const [, begin, from = '', to = '', end] = RANGE.exec(text) ?? []
  const [value, least, most] = [have === '' ? Number.NaN : Number(have), Number(from), Number(to)]
  const isAbove = begin === '[' ? value >= least : value > least
  return isAbove && (end === ']' ? value <= most : value < most)
}

/** How far the nearest of the values is from the number that an extra spec asks for, as a share of it; at most 1. */
export function shortOf(values: readonly string[], asked: string): number {
  const [, number = ''] = /^(?:=|==|>=|<=)\s*(\S+)$/.exec(asked.trim()) ?? []
  const want = Number(number)
  const shares = values.map((value) => Math.abs(Number(value) - want) / Math.max(1, Math.abs(want)))
  return number === '' ? 1 : Math.min(1, ...shares.filter(Number.isFinite))
}

/** True if what a host has satisfies what an extra spec asks for. */
export function matches(have: string, asked: string): boolean {
  const text = asked.trim()
  if (text.startsWith('<or>')) {
    const words = text.split('<or>').map((word) => word.trim())
    return words.filter((word) => word !== '').includes(have)
  }
  if (text.startsWith('<range-in>')) return isInRange(have, text)
  const [first = '', ...rest] = text.split(/\s+/)
  const operator = OPERATORS[first]
  if (!operator) return have === text
  const operand = rest.join(' ').replaceAll('<all-in>', ' ').replaceAll(/\s+/g, ' ').trim()
  return operand !== '' && operator(have, operand)
}
