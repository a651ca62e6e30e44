// Console bytes as the API answers them.

/** The last `length` lines; null or -1: all; 0: none. Bytes that are not ASCII become `?`. */
export function consoleText(bytes: Uint8Array, length: number | null): string {
  if (length === 0) return ''
  const text = Buffer.from(bytes)
    .toString('latin1')
    .replace(/[\x80-\xff]/g, '?')
  return length === null || length < 0 ? text : text.split('\n').slice(-length).join('\n')
}
