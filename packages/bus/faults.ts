// What can go wrong between caller and server of a topic.
import { faultsOf } from '@kilonova/base/fault'

export const fault = faultsOf({
  Unreachable: {
    status: 503,
    kind: '',
    say: ({ topic }: { topic: string }) =>
      `Nobody answers on ${topic}: its process is not running or cannot be reached.`,
    mend: ({ topic }: { topic: string }) => `Start the process that serves ${topic}; the operation goes on by itself.`,
  },
  BusTimeout: {
    status: 503,
    kind: '',
    say: ({ topic, method, timeout }: { topic: string; method: string; timeout: number }) =>
      `${topic} did not answer ${method} within ${timeout / 1000} s.`,
  },
  NoSuchMethod: {
    status: 500,
    kind: '',
    say: ({ topic, method }: { topic: string; method: string }) => `${topic} has no method ${method}.`,
  },
  RemoteError: { status: 500, kind: '', say: ({ message }: { message: string }) => message },
})
