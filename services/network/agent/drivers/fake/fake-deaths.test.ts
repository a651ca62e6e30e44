import { deathsContract } from '../../deaths-contract.ts'
import { inMemory } from '../../testing-deaths.ts'
import { FakeBackend, FakeHost } from './fake-backend.ts'

const host = new FakeHost()

deathsContract('the fake backend', {
  make: (directory) => new FakeBackend({ directory, host, before: (operation, id) => inMemory(`${operation} ${id}`) }),
  async look(agent) {
    return (await agent.inventory()).map(({ kind, id, owner }) => `${kind} ${id} ${owner}`).sort()
  },
  reads: /^(a message|open .* r)$/,
})
