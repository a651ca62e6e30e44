// Console bytes as the API answers them.

/** Nova's list: whoever prints the text shall not have its terminal steered by a guest. */
const CONTROLS = /[\x00-\x08\x0b-\x1f]/g

/** The last `length` lines; null or -1: all; 0: none. Bytes that are not ASCII become `?`, control characters go. */
export function consoleText(bytes: Uint8Array, length: number | null): string {
  if (length === 0) return ''
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\x7f-\xff]/g, '?')
  const lines = length === null || length < 0 ? text : text.split('\n').slice(-length).join('\n')
  return lines.replace(CONTROLS, '')
}
