// For tests: an agent that dies before any of its deeds, again and again, and what the next one makes of the host.
import assert from 'node:assert/strict'
import { AsyncLocalStorage } from 'node:async_hooks'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fate } from '@kilonova/base/testing-deeds'
import { judgeDeeds, letGo } from '@kilonova/base/testing-deeds'
import type { NetworkBackend } from './backend.ts'
import { NetworkAgent } from './network-agent.ts'
import type { NetworkChange, WantedState } from './protocol.ts'

/** What a host is told when it goes from one state to another, and what it shall have then. */
export interface Passage {
  name: string
  changes: ChangeAlone[]
  to: Omit<WantedState, 'generation'>
}

export type ChangeAlone = NetworkChange extends infer Change
  ? Change extends unknown
    ? Omit<Change, 'generation'>
    : never
  : never

export interface MortalHost {
  /** A backend of one and the same host at each call. */
  make(directory: string): NetworkBackend
  /** All that is on the host, in an order of its own. */
  look(agent: NetworkAgent): Promise<unknown>
  /** Deeds that change nothing. */
  reads: RegExp
}

/** As long as its agent lives, and then no deed of the agent is done any more. */
class Life {
  isDead = false
  #left = Infinity
  #died: (deed: string) => void = () => undefined

  /** Resolves with the deed before which it dies: the one after so many others. */
  endAfter(deeds: number): Promise<string> {
    this.#left = deeds
    return new Promise((resolve) => {
      this.#died = resolve
    })
  }

  judge(deed: string): Fate {
    if (!this.isDead && this.#left-- > 0) return 'done'
    if (!this.isDead) this.#died(deed)
    this.isDead = true
    return 'never'
  }
}

const lives = new AsyncLocalStorage<Life>()

/** For deeds that are only seen from inside. */
export async function inMemory(deed: string): Promise<void> {
  if (lives.getStore()?.judge(deed) === 'never') await new Promise(() => undefined)
}

/** One host, and one agent after the other. */
export class Deaths {
  readonly #host: MortalHost
  readonly #directory: string
  #agent!: NetworkAgent
  #life!: Life
  #generation = 0

  private constructor(host: MortalHost, directory: string) {
    this.#host = host
    this.#directory = directory
  }

  static async begin(host: MortalHost): Promise<Deaths> {
    await judgeDeeds((deed) => (host.reads.test(deed) ? 'done' : (lives.getStore()?.judge(deed) ?? 'done')))
    const deaths = new Deaths(host, await mkdtemp(join(tmpdir(), 'kn-deaths-')))
    await deaths.#start()
    return deaths
  }

  async end(): Promise<void> {
    await judgeDeeds(undefined)
    await this.#agent.tearDown()
    await this.#agent.close()
    await rm(this.#directory, { recursive: true, force: true })
    letGo()
  }

  /** Dies before each deed that the passage takes. Answers how often; the host is what it leads to then. */
  async through(from: Passage['to'], { name, changes, to }: Passage): Promise<number> {
    await this.#bring(from)
    await this.#apply(changes)
    await this.#bring(to)
    const expected = await this.#host.look(this.#agent)
    for (let deaths = 0; ; deaths++) {
      await this.#bring(from)
      const deed = await Promise.race([this.#life.endAfter(deaths), this.#apply(changes)])
      if (deed === undefined) {
        this.#life.endAfter(Infinity)
        assert.deepEqual(await this.#host.look(this.#agent), expected, name)
        return deaths
      }
      await this.#agent.close()
      await this.#start()
      await this.#bring(to)
      assert.deepEqual(await this.#host.look(this.#agent), expected, `${name}: died before ‘${deed}’`)
      assert.deepEqual(await this.#agent.leftovers(), [])
    }
  }

  async #start(): Promise<void> {
    this.#life = new Life()
    const backend = this.#host.make(this.#directory)
    this.#agent = await lives.run(this.#life, () =>
      NetworkAgent.start({ directory: this.#directory, backend, report: () => undefined }),
    )
  }

  /** What the host asks for after its start, and once a minute. */
  async #bring(wanted: Passage['to']): Promise<void> {
    const state = { ...wanted, generation: ++this.#generation }
    const { failures } = await lives.run(this.#life, () => this.#agent.reconcile(state))
    assert.deepEqual(failures, [])
  }

  #apply(changes: readonly ChangeAlone[]): Promise<undefined> {
    const generation = ++this.#generation
    return lives.run(this.#life, async () => {
      for (const change of changes) await this.#agent.apply({ generation, ...change } as NetworkChange)
      return undefined
    })
  }
}
