import { busContract } from './bus-contract.ts'
import { LocalBus } from './local.ts'

busContract('local', async () => new LocalBus())
