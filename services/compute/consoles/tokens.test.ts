import assert from 'node:assert/strict'
import { it } from 'node:test'
import { VirtualClock } from '@kilonova/base/clock'
import { systemRandom } from '@kilonova/base/random'
import { onBothStores } from '@kilonova/store/testing'
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'
import { computeSchema } from '../schema/compute-schema.ts'
import { findToken, identityTokenOf, issueToken, removeExpiredTokens, removeTokensOf, useUp } from './tokens.ts'

const TTL = 600
const BOUND = {
  server_id: 'one',
  user_id: 'alice',
  host: 'host-1',
  address: '127.0.0.1',
  port: 4000,
  console_type: 'serial',
  access_url_base: 'ws://cloud/console/serial',
  identityToken: 'gAAAA-identity-secret',
} as const

onBothStores('tokens of consoles', (open) => {
  async function make() {
    const store = await open(computeSchema)
    const clock = new VirtualClock()
    const compute = { store, clock, random: systemRandom, options: { token_ttl: TTL } } as unknown as Compute
    const rows = () => tables(compute).selectFrom('compute_console_auth_tokens').selectAll().execute()
    return { compute, clock, rows }
  }

  it('hold until they have expired, and are removed then', async () => {
    const { compute, clock, rows } = await make()
    const token = await issueToken(compute, BOUND)
    await clock.advance(TTL * 1000 - 1)
    const row = await findToken(compute, token)
    assert.equal(row?.server_id, 'one')
    await removeExpiredTokens(compute)
    assert.equal((await rows()).length, 1)
    await clock.advance(1)
    assert.equal(await findToken(compute, token), undefined)
    assert.equal(await useUp(compute, row), false)
    await removeExpiredTokens(compute)
    assert.deepEqual(await rows(), [])
  })

  it('are used up by one of many', async () => {
    const { compute } = await make()
    const token = await issueToken(compute, BOUND)
    const row = (await findToken(compute, token))!
    const used = await Promise.all(Array.from({ length: 10 }, () => useUp(compute, row)))
    assert.equal(used.filter(Boolean).length, 1)
    assert.equal(await findToken(compute, token), undefined)
  })

  it('go with their server', async () => {
    const { compute } = await make()
    const gone = await issueToken(compute, BOUND)
    const kept = await issueToken(compute, { ...BOUND, server_id: 'two' })
    await removeTokensOf(compute, 'one')
    assert.equal(await findToken(compute, gone), undefined)
    assert.equal((await findToken(compute, kept))?.server_id, 'two')
  })

  it('H1: cannot be read from the store, nor what lies with them', async () => {
    const { compute, rows } = await make()
    const token = await issueToken(compute, BOUND)
    const stored = JSON.stringify(await rows())
    for (const secret of [token, BOUND.identityToken]) assert.equal(stored.includes(secret), false)
    const row = (await findToken(compute, token))!
    assert.equal(identityTokenOf(row, token), BOUND.identityToken)
    assert.throws(() => identityTokenOf(row, systemRandom.uuid()))
  })
})
