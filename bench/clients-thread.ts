// The thread of clients.ts.
import { parentPort } from 'node:worker_threads'
import { systemClock } from '@kilonova/base/clock'
import type { Answered, Asked } from './clients.ts'
import { timed } from './measure.ts'

const LOOK_EVERY_MS = 20

type Sent = Pick<Asked, 'url' | 'headers'> & Partial<Pick<Asked, 'method' | 'body'>>

async function send({ url, method = 'GET', headers, body }: Sent): Promise<string> {
  const json = body === undefined ? {} : { body: JSON.stringify(body) }
  const reply = await fetch(url, { method, headers, ...json })
  const text = await reply.text()
  if (!reply.ok) throw new Error(`${method} ${url} answered ${reply.status}: ${text}`)
  return text
}

async function untilNone(headers: Asked['headers'], { url, name }: NonNullable<Asked['untilNone']>): Promise<void> {
  for (;;) {
    const reply = JSON.parse(await send({ url, headers })) as Record<string, unknown[]>
    if (reply[name]!.length === 0) return
    await systemClock.sleep(LOOK_EVERY_MS)
  }
}

async function answer(asked: Asked): Promise<Answered> {
  let left = asked.count
  const replies: number[] = []
  const whole = await timed(async () => {
    const one = async (): Promise<void> => {
      while (left-- > 0) replies.push(await timed(() => send(asked)))
    }
    await Promise.all(Array.from({ length: asked.clients }, one))
    if (asked.untilNone) await untilNone(asked.headers, asked.untilNone)
  })
  return { replies, whole }
}

const port = parentPort!
port.on('message', async (asked: Asked) => {
  port.postMessage(await answer(asked).catch((error: unknown) => error))
})
