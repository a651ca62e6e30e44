// The steps that sequences are made of: which thing each is about is chosen among those that are there.
import fc from 'fast-check'
import { compare } from './compare.ts'
import type { Model, Server, Verb } from './model.ts'
import { outcome, portsOf, serverOf, VERBS } from './model.ts'
import type { ModelCloud } from './model-cloud.ts'
import * as network from './network-steps.ts'
import type { Trouble, Wish } from './server-steps.ts'
import { actOn, askTwice, attach, create, deleteServer, describeTrouble, detach, lock } from './server-steps.ts'

type Step = fc.AsyncCommand<Model, ModelCloud>

interface Parts {
  says: string
  can?: (model: Model) => boolean
  does: (model: Model, cloud: ModelCloud) => Promise<void>
  /** What it is with this model, where the numbers alone do not tell. */
  tells?: (model: Model) => string
}

function step({ says, can = () => true, does, tells }: Parts): Step {
  let said = says
  return {
    check: can,
    toString: () => said,
    async run(model, cloud) {
      if (tells) said = `${says}: ${tells(model)}`
      await does(model, cloud)
      model.steps += 1
      await compare(model, cloud)
    },
  }
}

const one = <T>(things: readonly T[], which: number): T => things[which % things.length]!
const WHICH = fc.nat({ max: 5 })
const NETWORKS = fc.constantFrom('private', 'narrow')

const NO_TROUBLE: Trouble = { kind: 'none' }
const death = fc
  .tuple(fc.nat({ max: 5 }), fc.constantFrom('before', 'effect', 'after'))
  .map(([step, place]): Trouble => ({ kind: 'death', step, place }))

/**
 * Not powerState: what a guest is after a failure is then unknown until servers are compared with their guests.
 * Not deleteFiles: fake guests run without their files, so a reboot would bring back what was half deleted.
 */
const CALLS = [
  ...['prepareImage', 'createDisks', 'plug', 'unplug', 'define', 'makeConfigDrive', 'start', 'suspend', 'resume'],
  ...['stop', 'destroy', 'createRescueDisks', 'removeRescueDisks', 'planRebuild', 'removeDisks'],
]
const failure = fc
  .tuple(fc.constantFrom(...CALLS), fc.constantFrom('before', 'after'), fc.integer({ min: 1, max: 3 }))
  // A guest that obeys its power button after all is off later, which only a comparison would find.
  .map(([call, place, times]): Trouble => ({ kind: 'failure', call, place: call === 'stop' ? 'before' : place, times }))
const trouble = fc.oneof(
  { weight: 6, arbitrary: fc.constant(NO_TROUBLE) },
  { weight: 3, arbitrary: death },
  { weight: 1, arbitrary: failure },
)
const deaths = fc.oneof({ weight: 3, arbitrary: fc.constant(NO_TROUBLE) }, { weight: 1, arbitrary: death })

/** Networks, or the port of that number; a port that is not there is a network. */
const wishes = fc.oneof(NETWORKS, WHICH)
const wishOf = (model: Model, wish: string | number): Exclude<Wish, 'none'> => {
  if (typeof wish === 'string') return { on: wish as 'private' }
  return model.ports.length === 0 ? { on: 'private' } : { port: one(model.ports, wish) }
}

const hasServer = ({ servers }: Model): boolean => servers.length > 0
const accepts = (model: Model, server: Server, verb: Verb): boolean => 'accepted' in outcome(model, server, verb)

const creates = fc
  .record({
    flavor: fc.constantFrom('small', 'large'),
    wish: fc.oneof(fc.constant('none'), wishes),
    group: fc.option(WHICH),
    amid: trouble,
  })
  .map(({ flavor, wish, group, amid }) =>
    step({
      says: `create(${flavor}, ${wish}, group ${group}${describeTrouble(amid)})`,
      does: (model, cloud) =>
        create(model, cloud, {
          flavor: flavor as 'small',
          wish: wish === 'none' ? wish : wishOf(model, wish),
          group: group === null || model.groups.length === 0 ? undefined : one(model.groups, group).name,
          trouble: amid,
        }),
    }),
  )

/** Mostly what the server lets be done. */
const actions = fc
  .record({ which: WHICH, verb: fc.nat({ max: 1000 }), whatever: fc.nat({ max: 5 }), amid: trouble })
  .map(({ which, verb, whatever, amid }) => {
    const chosen = (model: Model) => {
      const server = one(model.servers, which)
      const open = VERBS.filter((name) => accepts(model, server, name))
      return { server, verb: one(whatever === 0 || open.length === 0 ? VERBS : open, verb), trouble: amid }
    }
    return step({
      says: `act(server ${which}${describeTrouble(amid)})`,
      can: hasServer,
      tells: (model) => `${chosen(model).verb} of ${chosen(model).server.state}`,
      does: (model, cloud) => actOn(model, cloud, chosen(model)),
    })
  })

const twice = fc.record({ which: WHICH, first: fc.nat({ max: 1000 }), second: fc.nat({ max: 1000 }) }).map((asked) => {
  const chosen = (model: Model) => {
    const server = one(model.servers, asked.which)
    const firsts = VERBS.filter((verb) => !HIDDEN.includes(verb) && accepts(model, server, verb))
    return {
      server,
      first: one(firsts, asked.first),
      second: one([...VERBS, 'delete', 'delete'] as const, asked.second),
    }
  }
  return step({
    says: `askTwice(server ${asked.which})`,
    can: (model) => hasServer(model) && mayAskTwice(model, chosen(model)),
    tells: (model) => `${chosen(model).second} during ${chosen(model).first}`,
    does: (model, cloud) => askTwice(model, cloud, chosen(model)),
  })
})

/** Their tasks are not seen in the state of the server, so what is asked next may come before or after them. */
const HIDDEN: readonly Verb[] = ['crashDump']
/** A move that finds no host has ended before anything else can be asked. */
function mayAskTwice(model: Model, { server, first }: { server: Server; first: Verb | undefined }): boolean {
  if (first === undefined || server.state === 'error' || server.locked) return false
  const expected = outcome(model, server, first)
  return 'accepted' in expected && !expected.accepted.includes(server)
}

const serverSteps: fc.Arbitrary<Step>[] = [
  creates,
  creates,
  actions,
  actions,
  actions,
  twice,
  fc.record({ which: WHICH, amid: deaths }).map(({ which, amid }) =>
    step({
      says: `delete(server ${which}${describeTrouble(amid)})`,
      can: hasServer,
      does: (model, cloud) => deleteServer(model, cloud, one(model.servers, which), amid),
    }),
  ),
  fc.record({ which: WHICH, locked: fc.boolean() }).map(({ which, locked }) =>
    step({
      says: `${locked ? 'lock' : 'unlock'}(server ${which})`,
      can: hasServer,
      does: (model, cloud) => lock(cloud, one(model.servers, which), locked),
    }),
  ),
  fc.record({ which: WHICH, wish: wishes }).map(({ which, wish }) =>
    step({
      says: `attach(server ${which}, ${wish})`,
      can: hasServer,
      does: (model, cloud) => attach(model, cloud, { server: one(model.servers, which), wish: wishOf(model, wish) }),
    }),
  ),
  fc.record({ which: WHICH, port: WHICH }).map(({ which, port }) =>
    step({
      says: `detach(server ${which}, its port ${port})`,
      can: (model) => hasServer(model) && portsOf(model, one(model.servers, which)).length > 0,
      does: (model, cloud) => detach(model, cloud, one(model.servers, which), port),
    }),
  ),
]

/** A server in another state loses the device of a deleted port only later; one without a guest has none. */
const LETS_GO = ['active', 'paused', 'stopped', 'shelved_offloaded']
const lets = (server: Server | undefined): boolean => !server || LETS_GO.includes(server.state)

const networkSteps: fc.Arbitrary<Step>[] = [
  NETWORKS.map((on) =>
    step({ says: `createPort(${on})`, does: (model, cloud) => network.createPort(model, cloud, on as 'private') }),
  ),
  WHICH.map((which) =>
    step({
      says: `deletePort(${which})`,
      can: (model) => model.ports.length > 0 && lets(serverOf(model, one(model.ports, which))),
      does: (model, cloud) => network.deletePort(model, cloud, one(model.ports, which)),
    }),
  ),
  fc.constantFrom('red', 'green', 'blue', 'grey').map((name) =>
    step({
      says: `createGroup(${name})`,
      can: ({ groups }) => !groups.some((group) => group.name === name),
      does: (model, cloud) => network.createGroup(model, cloud, name),
    }),
  ),
  WHICH.map((which) =>
    step({
      says: `deleteGroup(${which})`,
      can: ({ groups }) => groups.length > 0,
      does: (model, cloud) => network.deleteGroup(model, cloud, one(model.groups, which)),
    }),
  ),
  fc.record({ which: WHICH, some: fc.nat({ max: 7 }) }).map(({ which, some }) =>
    step({
      says: `setGroups(port ${which}, ${some.toString(2)})`,
      can: ({ ports }) => ports.length > 0,
      does: (model, cloud) =>
        network.setGroups(
          cloud,
          one(model.ports, which),
          model.groups.filter((_, index) => some & (1 << index)),
        ),
    }),
  ),
  fc.constant(step({ says: 'createFloating()', does: network.createFloating })),
  fc.record({ which: WHICH, port: fc.option(WHICH) }).map(({ which, port }) =>
    step({
      says: `associate(${which}, port ${port})`,
      can: ({ floatings, ports }) => floatings.length > 0 && (port === null || ports.length > 0),
      does: (model, cloud) =>
        network.associate(model, cloud, one(model.floatings, which), port === null ? null : one(model.ports, port)),
    }),
  ),
  WHICH.map((which) =>
    step({
      says: `deleteFloating(${which})`,
      can: ({ floatings }) => floatings.length > 0,
      does: (model, cloud) => network.deleteFloating(model, cloud, one(model.floatings, which)),
    }),
  ),
]

/** Sequences of at most so many steps; `replayPath` repeats one that has failed. */
export const sequences = (maxCommands: number, replayPath?: string) =>
  fc.commands([...serverSteps, ...networkSteps], {
    ...{ maxCommands, size: 'max' },
    ...(replayPath === undefined ? {} : { replayPath }),
  })
