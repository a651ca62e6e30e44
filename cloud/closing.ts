// What has been opened, closed in reverse; one that fails does not keep the others open.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'

export class Closing {
  readonly #steps: { name: string; close: () => Promise<unknown> }[] = []

  add(name: string, close: () => Promise<unknown>): void {
    this.#steps.push({ name, close })
  }

  async close(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.close()
      } catch (error) {
        log('cloud').error(`${step.name} did not close: ${errorChain(error)}`)
      }
    }
  }
}
