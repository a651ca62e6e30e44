// Bodies of the actions that make images of servers and shelve them.
import { integerLike, metadata, name, nullable } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed, since, until } from '@kilonova/api/versions'

const O = Type.Optional

export const CreateImage = Type.Object(
  { createImage: Type.Object({ name: name(), metadata: O(metadata()) }, closed) },
  closed,
)

export const CreateBackup = Type.Object(
  {
    createBackup: Type.Object(
      { name: name(), backup_type: Type.String(), rotation: integerLike(0), metadata: O(metadata()) },
      closed,
    ),
  },
  closed,
)

const host = () => Type.String({ minLength: 1, maxLength: 255, pattern: '^[a-zA-Z0-9-._]*$' })

export const Unshelve = Type.Object({
  unshelve: Type.Union([
    Type.Unknown(until('2.76')),
    Type.Null(since('2.77')),
    Type.Object({ availability_zone: name() }, { ...closed, ...since('2.77'), ...until('2.90') }),
    Type.Object({ availability_zone: O(nullable(name())), host: O(host()) }, { ...closed, ...since('2.91') }),
  ]),
})
