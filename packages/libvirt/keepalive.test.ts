// Keepalive's decisions, with time and traffic made by hand.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Keepalive } from './keepalive.ts'

function setup() {
  let due = () => {}
  const sent: number[] = []
  const said: string[] = []
  const around = {
    clock: {
      after(_ms: number, work: () => void) {
        due = work
        return { cancel: () => (due = () => {}) }
      },
      sleep: () => Promise.resolve(),
    },
    calls: 0,
    inFlight: () => around.calls,
    send: (procedure: number) => void sent.push(procedure),
    dead: (silence: number) => void said.push(`dead after ${silence}`),
    slow: (silence: number) => void said.push(`slow after ${silence}`),
  }
  const keepalive = new Keepalive({ interval: 10, count: 2, busyCount: 4 }, around)
  const look = () => {
    const work = due
    due = () => {}
    work()
  }
  return { keepalive, around, sent, said, look }
}

test('a ping is answered, a pong is not', () => {
  const { keepalive, sent } = setup()
  keepalive.receive(1)
  keepalive.receive(2)
  assert.deepEqual(sent, [2])
})

test('only silence makes it ping, and long silence is death', () => {
  const { keepalive, sent, said, look } = setup()
  keepalive.heard()
  look()
  assert.deepEqual(sent, [])
  look()
  keepalive.heard()
  look()
  assert.deepEqual([sent, said], [[1], []])
  look()
  look()
  assert.deepEqual(said, [])
  look()
  assert.deepEqual([sent, said], [[1, 1, 1], ['dead after 30']])
  look()
  assert.equal(said.length, 1)
})

test('a loaded connection may be silent for longer', () => {
  const { around, said, look } = setup()
  around.calls = 5
  look()
  look()
  look()
  look()
  assert.deepEqual(said, ['slow after 20'])
  look()
  assert.deepEqual(said, ['slow after 20', 'dead after 50'])
})

test('stopped, it says nothing', () => {
  const { keepalive, sent, look } = setup()
  keepalive.stop()
  look()
  assert.deepEqual(sent, [])
})
