// Numbers inside the flavor that is kept with each server, as SQL of either database.
import type { Store } from '@kilonova/store/store'
import type { RawBuilder } from 'kysely'
import { sql } from 'kysely'
import type { GuestFlavor } from './agent/guest-spec.ts'

type NumberOf = 'vcpus' | 'memoryMb' | 'rootGb' | 'ephemeralGb' | 'swapMb'

export function flavorNumber({ kind }: Pick<Store, 'kind'>, name: NumberOf & keyof GuestFlavor): RawBuilder<number> {
  return kind === 'sqlite'
    ? sql<number>`json_extract(flavor_json, ${`$.${name}`})`
    : sql<number>`((flavor_json::json) ->> ${name})::int`
}
