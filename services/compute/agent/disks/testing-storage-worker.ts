// For tests: the process that works on a storage and dies at the deed that it is told.
import { writeSync } from 'node:fs'
import { judgeDeeds } from '@kilonova/base/testing-deeds'
import type { Order } from './testing-storage.ts'
import { perform, storageAt } from './testing-storage.ts'

/** What only looks, and what a host with device-mapper does by itself. */
const NO_DEEDS = [
  /^(lvs|vgs|pvs|blkid|dumpe2fs|losetup) /,
  /^prlimit .* qemu-img info /,
  /^(symlink|rm) .*\/volumes\//,
  /^(open .* r|a message)$/,
]

const { place, work, dies } = JSON.parse(process.argv[2]!) as Order
await judgeDeeds(() => 'done')
const storage = storageAt(place)
await storage.open()
const among = new RegExp(dies.among ?? '')
let count = 0
await judgeDeeds((deed) => {
  const counts = among.test(deed) && !NO_DEEDS.some((pattern) => pattern.test(deed))
  if (!counts || count++ !== dies.at) return 'done'
  writeSync(1, deed)
  return dies.when === 'before' ? 'killed-before' : 'killed-after-begun'
})
await perform(storage, work)
