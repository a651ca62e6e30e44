// What a fake host remembers over a restart of its process: one JSON line for each change.
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'

/** A map whose changes are kept in a file; without a file it is a plain map. */
export class Journal<Value> {
  #file: string | null
  #values = new Map<string, Value>()

  constructor(file: string | null) {
    this.#file = file
    if (file === null) return
    for (const line of readLines(file)) this.#replay(line)
    const whole = [...this.#values].map((entry) => `${JSON.stringify(entry)}\n`)
    writeFileSync(file, whole.join(''))
  }

  get(key: string): Value | undefined {
    return this.#values.get(key)
  }

  values(): Value[] {
    return [...this.#values.values()]
  }

  entries(): [string, Value][] {
    return [...this.#values]
  }

  set(key: string, value: Value): void {
    this.#values.set(key, value)
    this.#append([key, value])
  }

  delete(key: string): void {
    if (this.#values.delete(key)) this.#append([key])
  }

  #append(entry: [string, Value?]): void {
    if (this.#file !== null) appendFileSync(this.#file, `${JSON.stringify(entry)}\n`)
  }

  /** The last line may be half written. */
  #replay(line: string): void {
    let entry: [string, Value?]
    try {
      entry = JSON.parse(line) as [string, Value?]
    } catch {
      return
    }
    const [key, value] = entry
    if (value === undefined) this.#values.delete(key)
    else this.#values.set(key, value)
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
