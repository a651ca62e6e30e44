// The bodies that put a security group on a server and take it off, and the queries of lists.
import { integerLike } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { closed, closedSince } from '@kilonova/api/versions'

const Named = Type.Object({ name: Type.String({ minLength: 1, pattern: '^[^\\u0000]*$' }) }, closed)

export const AddSecurityGroup = Type.Object({ addSecurityGroup: Named })
export const RemoveSecurityGroup = Type.Object({ removeSecurityGroup: Named })
export const ListServerGroups = Type.Object({}, closedSince('2.102'))

const O = Type.Optional
export const ListSecurityGroups = Type.Object({
  limit: O(integerLike()),
  offset: O(integerLike()),
  all_tenants: O(Type.String()),
})
