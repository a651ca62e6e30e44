// What every bus must do; each implementation runs this suite.
import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { adminContext, currentContext, withContext } from '@kilonova/base/context'
import { Fault, isFault } from '@kilonova/base/fault'
import type { Bus, Notification } from './bus.ts'

interface Echo {
  echo(argument: { text: string }): Promise<{ text: string; requestId: string | undefined }>
  refuse(argument: null): Promise<never>
  break(argument: null): Promise<never>
  hang(argument: null): Promise<null>
}

const refusal = new Fault({ code: 'NoRoom', status: 409, kind: 'conflict', message: 'No room.', details: { left: 0 } })

const methods = {
  echo: async ({ text }: { text: string }) => ({ text, requestId: currentContext()?.requestId }),
  refuse: async () => {
    throw refusal
  },
  break: async () => {
    throw new TypeError('broken')
  },
  hang: () => new Promise<null>(() => undefined),
}

export function busContract(name: string, open: () => Promise<Bus>): void {
  describe(`the ${name} bus`, () => {
    const opened: Bus[] = []
    const fresh = async (): Promise<Bus> => {
      const bus = await open()
      opened.push(bus)
      return bus
    }
    afterEach(() => Promise.all(opened.splice(0).map((bus) => bus.close())))

    it('calls with the request id of the caller', async () => {
      const bus = await fresh()
      await bus.serve<Echo>('echo.a', methods)
      const context = adminContext()
      const answer = await withContext(context, () => bus.remote<Echo>('echo.a').echo({ text: 'hi' }))
      assert.deepEqual(answer, { text: 'hi', requestId: context.requestId })
    })

    it('carries faults as faults and other errors as their text', async () => {
      const bus = await fresh()
      await bus.serve<Echo>('echo.a', methods)
      const remote = bus.remote<Echo>('echo.a')
      await assert.rejects(remote.refuse(null), (error) => isFault(error, 'NoRoom') && error.status === 409)
      await assert.rejects(remote.break(null), (error) => isFault(error, 'RemoteError') && /broken/.test(error.message))
    })

    it('says when nobody serves, and when no answer comes', async () => {
      const bus = await fresh()
      await assert.rejects(bus.remote<Echo>('nobody').echo({ text: '' }), (error) => isFault(error, 'Unreachable'))
      await bus.serve<Echo>('echo.a', methods)
      const late = bus.remote<Echo>('echo.a').hang(null, { timeout: 20 })
      await assert.rejects(late, (error) => isFault(error, 'BusTimeout'))
    })

    it('ends the calls of a topic that is no longer served', async () => {
      const bus = await fresh()
      const end = await bus.serve<Echo>('echo.a', methods)
      const pending = bus.remote<Echo>('echo.a').hang(null)
      await end()
      await assert.rejects(pending, (error) => isFault(error, 'Unreachable'))
    })

    it('tells every subscriber', async () => {
      const bus = await fresh()
      const heard: Notification[] = []
      await bus.subscribe('events', (notification) => heard.push(notification))
      const end = await bus.subscribe('events', (notification) => heard.push(notification))
      const sent = { eventType: 'a.b', publisherId: 'x', priority: 'INFO', payload: { n: 1 } }
      await bus.notify('events', sent)
      await new Promise((resolve) => setImmediate(resolve))
      assert.deepEqual(heard, [sent, sent])
      await end()
      await bus.notify('events', sent)
      await new Promise((resolve) => setImmediate(resolve))
      assert.equal(heard.length, 3)
    })
  })
}
