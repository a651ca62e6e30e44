// Values as Python prints them: clients and tests of OpenStack match on such sentences.

/** As repr(): strings quoted, True, False, None. */
export function repr(value: unknown): string {
  if (value === null || value === undefined) return 'None'
  if (value === true) return 'True'
  if (value === false) return 'False'
  if (typeof value === 'string') return quoted(value)
  if (Array.isArray(value)) return `[${value.map(repr).join(', ')}]`
  if (typeof value === 'object') {
    return `{${Object.entries(value)
      .map(([key, item]) => `${quoted(key)}: ${repr(item)}`)
      .join(', ')}}`
  }
  return String(value)
}

/** As str(): a string bare, anything else as repr(). */
export function str(value: unknown): string {
  return typeof value === 'string' ? value : repr(value)
}

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'"
  const inner = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')
  return quote + (quote === "'" ? inner.replaceAll("'", "\\'") : inner) + quote
}
