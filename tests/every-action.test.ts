// Every action in every state that a server reaches: begun or refused just as the table says, with its sentence.
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { isFault } from '@kilonova/base/fault'
import type { Action, ActionName } from '@kilonova/compute/servers/actions'
import { actions } from '@kilonova/compute/servers/actions'
import type { VmState } from '@kilonova/compute/servers/state'
import { statusOf } from '@kilonova/compute/servers/state'
import { serverAsks } from './server-asks.ts'
import type { ServerCommands } from './server-commands.ts'
import { ServerWorld } from './server-world.ts'

/** Which task a user asks for; what only the cloud itself does is not listed. */
const ASKS: Partial<Record<ActionName, string>> = {
  start: 'server.start',
  stop: 'server.stop',
  rebootSoft: 'server.reboot',
  rebootHard: 'server.hard-reboot',
  pause: 'server.pause',
  unpause: 'server.unpause',
  suspend: 'server.suspend',
  resume: 'server.resume',
  rescue: 'server.rescue',
  unrescue: 'server.unrescue',
  rebuild: 'server.rebuild',
  resize: 'server.resize',
  migrate: 'server.migrate',
  evacuate: 'server.evacuate',
  confirmResize: 'server.confirm-resize',
  revertResize: 'server.revert-resize',
  shelve: 'server.shelve',
  shelveOffload: 'server.shelve-offload',
  unshelve: 'server.unshelve',
  createImage: 'server.snapshot',
  createBackup: 'server.backup',
  changePassword: 'server.change-password',
  crashDump: 'server.trigger-crash-dump',
  attachInterface: 'server.attach-interface',
  detachInterface: 'server.detach-interface',
  delete: 'server.delete',
  softDelete: 'server.soft-delete',
  restore: 'server.restore',
}

/** What is done at once, without a task. */
const AT_ONCE: Partial<Record<ActionName, (commands: ServerCommands, id: string) => Promise<void>>> = {
  addSecurityGroup: (commands, id) => commands.act(id, 'addSecurityGroup', { name: 'default' }),
  removeSecurityGroup: (commands, id) => commands.act(id, 'removeSecurityGroup', { name: 'default' }),
}

/** The tasks that bring a new server there. */
const REACHED: Partial<Record<VmState, readonly string[]>> = {
  active: [],
  stopped: ['server.stop'],
  paused: ['server.pause'],
  suspended: ['server.suspend'],
  rescued: ['server.rescue'],
  resized: ['server.resize'],
  shelved: ['server.shelve'],
  shelved_offloaded: ['server.shelve', 'server.shelve-offload'],
  'soft-delete': ['server.soft-delete'],
  error: [], // and set so by an admin
}

class Undo extends Error {}

describe('each action', () => {
  let world: ServerWorld
  before(async () => {
    world = await ServerWorld.open({ config: '[compute]\nshelved_offload_time = -1\n' })
    await world.startTasks()
  })
  after(() => world?.close())

  async function serverIn(tasks: readonly string[]): Promise<string> {
    const id = await world.build({ networks: [{ uuid: await world.privateNetwork() }] })
    for (const task of tasks) {
      await world.run(serverAsks[task]!.ask(world.commands, id))
      await world.run(world.settled(id))
    }
    return id
  }

  /** What the user is told; nothing of it stays. */
  async function answer(ask: () => Promise<void>): Promise<string> {
    let told = 'accepted'
    const asked = world.store.transaction(async () => {
      try {
        await ask()
      } catch (error) {
        assert.ok(isFault(error), String(error))
        told = `${error.status} ${error.message}`
      }
      throw new Undo()
    })
    await world.run(asked.catch((error) => assert.ok(error instanceof Undo, String(error))))
    return told
  }

  function asks(id: string): [ActionName, () => Promise<void>][] {
    const tasks = Object.entries(ASKS).map(([name, task]) => [name, () => serverAsks[task]!.ask(world.commands, id)])
    const atOnce = Object.entries(AT_ONCE).map(([name, ask]) => [name, () => ask(world.commands, id)])
    return [...tasks, ...atOnce] as [ActionName, () => Promise<void>][]
  }

  function expected(name: ActionName, id: string, state: VmState, locked: boolean): string {
    const action: Action = actions[name]
    if (locked && action.refusedWhenLocked) return `409 Instance ${id} is locked`
    if (action.from === 'any' || action.from.includes(state)) return 'accepted'
    if (action.needsHost && state === 'shelved_offloaded') return `409 Instance ${id} is not ready`
    return `409 Cannot '${action.name}' instance ${id} while it is in vm_state ${state}`
  }

  for (const [state, tasks] of Object.entries(REACHED) as [VmState, string[]][]) {
    it(`is begun or refused by a server that is ${state}, locked or not`, async () => {
      const id = await serverIn(tasks)
      if (state === 'error') await world.commands.act(id, 'os-resetState', { state })
      assert.equal((await world.commands.show(id)).status, statusOf(state, null))
      for (const locked of [false, true]) {
        if (locked) await world.commands.act(id, 'lock')
        for (const [name, ask] of asks(id))
          assert.equal(await answer(ask), expected(name, id, state, locked), `${name} in ${state}`)
      }
    })
  }
})
