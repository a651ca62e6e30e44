// Hands transactions to nft. Those that wait while one runs go together, as one.
import { run } from '@kilonova/base/command'

interface Waiting {
  text: string
  resolve: () => void
  reject: (error: unknown) => void
}

/** One transaction: all of it or nothing. */
export async function nft(text: string, namespace?: string): Promise<void> {
  const input = { input: text }
  if (namespace === undefined) await run('nft', ['-f', '-'], input)
  else await run('ip', ['netns', 'exec', namespace, 'nft', '-f', '-'], input)
}

export class NftRunner {
  #waiting: Waiting[] = []
  #busy = false

  /** Applies the text in the order of calls. A text that nft refuses does not hold up the others. */
  apply(text: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ text, resolve, reject })
      if (!this.#busy) void this.#drain()
    })
  }

  async #drain(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0)
      try {
        await nft(batch.map(({ text }) => text).join(''))
        for (const { resolve } of batch) resolve()
      } catch (error) {
        if (batch.length === 1) batch[0]!.reject(error)
        else for (const { text, resolve, reject } of batch) await nft(text).then(resolve, reject)
      }
    }
    this.#busy = false
  }
}
