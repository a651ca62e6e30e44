import assert from 'node:assert/strict'
import { it } from 'node:test'
import { Fault } from '@kilonova/base/fault'
import { isStoreTrouble, isTransient } from './transient.ts'

const faultOf = (code: string, details: unknown = {}, cause?: unknown) =>
  new Fault({ code, status: 500, kind: 'x', message: code, details }, cause)
const coded = (code: string) => Object.assign(new Error('no'), { code })

it('tells what may go away by itself', () => {
  const transient = [
    faultOf('Unreachable'),
    faultOf('BusTimeout'),
    faultOf('HostBusy', { transient: true }),
    coded('ECONNREFUSED'),
    coded('08006'),
    coded('57P01'),
    Object.assign(coded('ENOENT'), { syscall: 'connect' }),
    new Error('Connection terminated unexpectedly'),
    new Error('Client has encountered a connection error and is not queryable'),
    new Error('could not look', { cause: coded('ECONNRESET') }),
    new Error('database or disk is full'),
  ]
  for (const error of transient) assert.ok(isTransient(error), String(error))
})

it('tells what will not', () => {
  const lasting = [
    faultOf('NoValidHost'),
    faultOf('NoValidHost', {}, coded('ECONNREFUSED')),
    faultOf('HostBusy', { transient: 'yes' }),
    coded('23505'),
    coded('ENOENT'),
    new Error('Connection to the guest was terminated'),
    'ECONNREFUSED',
    undefined,
  ]
  for (const error of lasting) assert.ok(!isTransient(error), String(error))
  assert.ok(!isStoreTrouble(faultOf('Unreachable')))
})
