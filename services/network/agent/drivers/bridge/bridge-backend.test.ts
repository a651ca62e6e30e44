import { systemRandom } from '@kilonova/base/random'
import { backendContract } from '../../backend-contract.ts'
import { BridgeBackend } from './bridge-backend.ts'

backendContract('bridge', () => {
  const cloudTag = systemRandom.bytes(4).toString('hex')
  return (directory) => new BridgeBackend({ directory, cloudTag, metadataServer: (socket) => socket.end() })
})
