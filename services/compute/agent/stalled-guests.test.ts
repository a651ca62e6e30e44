import assert from 'node:assert/strict'
import { it } from 'node:test'
import { StalledGuests } from './stalled-guests.ts'

it('a guest that is to be paused while it is let go on is paused again', async () => {
  const done: string[] = []
  let pauses = false
  const note = async (what: string): Promise<null> => {
    done.push(what)
    return null
  }
  const stalled = new StalledGuests({
    host: 'h',
    agent: {
      stalledGuests: async () => [{ id: 'a', disk: 'vda', hasRoom: true }],
      resumeGuest: async () => {
        pauses = true
        return note('resumed')
      },
      suspendGuest: () => note('suspended'),
    },
    conductor: { runningGuests: async ({ ids }) => (pauses ? [] : ids) },
  })
  await stalled.look()
  assert.deepEqual(done, ['resumed', 'suspended'])
  await stalled.look()
  assert.deepEqual(done, ['resumed', 'suspended'])
})
