import assert from 'node:assert/strict'
import { it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import { checkOrigin } from './origin.ts'

const rules = (accessUrlBase = 'http://cloud:8774/console/vnc.html', allowed: string[] = []) => ({
  accessUrlBase,
  allowed,
})

it('lets pages of the host itself and of allowed ones in, and who is no browser', () => {
  const good = [
    [{ host: 'cloud:8774' }, rules()],
    [{ host: 'cloud:8774', origin: 'http://cloud:8774' }, rules()],
    [{ host: 'CLOUD', origin: 'http://cloud:99' }, rules()],
    [{ host: '[::1]:8774', origin: 'http://[::1]:8774' }, rules()],
    [{ host: 'cloud', origin: 'http://panel' }, rules(undefined, ['Panel'])],
    [{ host: 'cloud', origin: 'http://cloud' }, rules('ws://cloud/console/serial')],
    [{ host: 'cloud', origin: 'https://cloud' }, rules('wss://cloud/console/serial')],
    [{ host: 'cloud', origin: 'https://cloud' }, rules('https://cloud/x')],
    [{ host: 'cloud', origin: 'http://cloud', 'x-forwarded-proto': 'https' }, rules('https://cloud/x')],
  ] as const
  for (const [headers, rule] of good) checkOrigin(headers, rule)
})

it('refuses all others', () => {
  const bad = [
    [{ host: 'cloud', origin: 'http://evil' }, rules()],
    [{ host: 'cloud', origin: 'http://cloud.evil' }, rules()],
    [{ host: 'cloud', origin: 'http://cloud@evil' }, rules()],
    [{ host: 'cloud', origin: 'null' }, rules()],
    [{ host: 'cloud', origin: '' }, rules()],
    [{ host: 'cloud', origin: 'file:///x' }, rules()],
    [{ host: undefined, origin: 'http://undefined' }, rules()],
    [{ host: 'cloud', origin: 'https://cloud' }, rules()],
    [{ host: 'cloud', origin: 'http://cloud' }, rules('https://cloud/x')],
    [{ host: 'cloud', origin: 'http://cloud' }, rules('wss://cloud/x')],
  ] as const
  for (const [headers, rule] of bad)
    assert.throws(
      () => checkOrigin(headers, rule),
      (error) => isFault(error, 'ConsoleOriginRefused'),
      JSON.stringify(headers),
    )
})
