// What asking about a server by id or name may answer.
import { faultsOf } from '@kilonova/base/fault'

export const fault = faultsOf({
  ServerUnknown: {
    status: 404,
    kind: 'itemNotFound',
    say: ({ name }: { name: string; near: string[] }) => `There is no server with the id or name ${name}.`,
    mend: ({ near }: { near: string[] }) =>
      near.length > 0
        ? `The nearest names are: ${near.join(', ')}.`
        : 'There is no server at all; make one with: openstack server create.',
  },
  ServerAmbiguous: {
    status: 409,
    kind: 'conflictingRequest',
    say: ({ name, ids }: { name: string; ids: string[] }) => `${ids.length} servers or more are named ${name}.`,
    mend: ({ ids }: { ids: string[] }) => `Name one by its id: ${ids.join(', ')}.`,
  },
})
