import assert from 'node:assert/strict'
import { it } from 'node:test'
import { readConfig } from '@kilonova/base/options'
import { computeOptions } from '../options.ts'

const refused = (text: string, why: RegExp) => assert.throws(() => readConfig(computeOptions, text), why)

it('options that cannot be obeyed are refused, with what would do', () => {
  refused('[notifications]\ndriver = ["log", "pigeon"]', /:2: notifications.driver takes only messaging, .*pigeon/)
  refused('[notifications]\ndriver = "log"', /must be a list of strings/)
  refused('[notifications]\nnotify_on_state_change = "always"', /must be one of .*vm_state/)
  refused('[compute]\ninstance_usage_audit_period = "week"', /must match \^\(hour\|day\|month\|year\)/)
  const { notifications } = readConfig(computeOptions, '[notifications]\ndriver = ["log", "noop"]')
  assert.deepEqual(notifications.driver, ['log', 'noop'])
})
