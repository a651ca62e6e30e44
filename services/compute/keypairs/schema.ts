// Bodies, queries and replies of key pairs; each field knows its versions.
import { integerLike, oneOf } from '@kilonova/api/fields'
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, requiredSince, since, until } from '@kilonova/api/versions'

const O = Type.Optional
const name = (symbols: string, options: object) =>
  Type.String({ minLength: 1, maxLength: 255, pattern: `^(?! )[${symbols} a-zA-Z0-9]+(?<! )$`, ...options })

const NewKeypair = Type.Object(
  {
    name: Type.Union([name('_\\-', until('2.91')), name('_\\-\\@\\.', since('2.92'))]),
    type: O(oneOf(['ssh', 'x509'], since('2.2'))),
    public_key: O(Type.String(requiredSince('2.92'))),
    user_id: O(Type.String(since('2.10'))),
  },
  closed,
)
export type NewKeypair = Static<typeof NewKeypair>
export const CreateKeypair = Type.Object({ keypair: NewKeypair }, closed)

const userId = () => O(Type.String(since('2.10')))
export const OneKeypair = Type.Object({ user_id: userId() }, closedSince('2.75'))
export const ListKeypairs = Type.Object(
  { user_id: userId(), limit: O(integerLike(0, undefined, since('2.35'))), marker: O(Type.String(since('2.35'))) },
  closedSince('2.75'),
)
export type ListKeypairs = Static<typeof ListKeypairs>

const Keypair = Type.Object({ type: O(Type.Unknown(since('2.2'))) })
export const KeypairShown = Type.Object({ keypair: Keypair })
export const KeypairsListed = Type.Object({ keypairs: Type.Array(KeypairShown) })
