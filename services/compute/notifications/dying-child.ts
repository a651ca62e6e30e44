// A process of its own for the test that kills it: delivers what lies in the outbox and is killed in the middle.
// Usage: dying-child.ts DATABASE
import { systemClock } from '@kilonova/base/clock'
import { LocalBus } from '@kilonova/bus/local'
import { openStore } from '@kilonova/store/store'
import { Leader } from '@kilonova/tasks/leader'
import { startDelivery } from './deliver.ts'
import { tellingCompute } from './testing-compute.ts'

const store = openStore({ url: `sqlite:${process.argv[2]}` })
const bus = new LocalBus()
let heard = 0
await bus.subscribe('notifications', () => {
  if (++heard === 2) process.kill(process.pid, 'SIGKILL')
})
startDelivery(tellingCompute(store, bus), new Leader({ store, owner: 'child' }))
await systemClock.sleep(2 ** 30)
