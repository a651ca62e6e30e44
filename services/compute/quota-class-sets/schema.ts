// Bodies, queries and replies of quota classes; each field knows its versions.
import type { Static } from '@kilonova/api/type'
import { Type } from '@kilonova/api/type'
import { closed, closedSince, since, until } from '@kilonova/api/versions'
import { limitFields } from '../quota-sets/schema.ts'

const NewLimits = Type.Object(limitFields({ networkUntil: '2.49' }), closed)
export type NewLimits = Static<typeof NewLimits>
export const UpdateQuotaClass = Type.Object({ quota_class_set: NewLimits }, closed)

export const ShowQuotaClass = Type.Object({}, closedSince('2.102'))

const shown = (versions: ReturnType<typeof since | typeof until>) => Type.Optional(Type.Unknown(versions))
export const QuotaClassShown = Type.Object({
  quota_class_set: Type.Object({
    server_groups: shown(since('2.50')),
    server_group_members: shown(since('2.50')),
    injected_files: shown(until('2.56')),
    injected_file_content_bytes: shown(until('2.56')),
    injected_file_path_bytes: shown(until('2.56')),
    fixed_ips: shown(until('2.49')),
    floating_ips: shown(until('2.49')),
    security_groups: shown(until('2.49')),
    security_group_rules: shown(until('2.49')),
  }),
})
