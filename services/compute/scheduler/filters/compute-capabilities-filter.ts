// Every unscoped or `capabilities:` extra spec matches the host's attribute of that name.
import type { GuestFlavor } from '../../agent/guest-spec.ts'
import { matches, shortOf } from '../extra-spec-operators.ts'
import { attributeOf } from '../host-attributes.ts'
import type { Filter } from '../host-state.ts'

const SCOPE = 'capabilities'

/** The attributes that the flavor asks for, as paths, with what it asks of each. */
function askedOf({ extraSpecs }: GuestFlavor): [path: string[], asked: string][] {
  return Object.entries(extraSpecs).flatMap(([key, asked]) => {
    const parts = key.split(':')
    if (parts.length > 1 && parts[0] !== SCOPE) return []
    return [[parts.length > 1 ? parts.slice(1) : parts, asked]]
  })
}

export const computeCapabilitiesFilter: Filter = {
  name: 'ComputeCapabilitiesFilter',
  reads({ flavor }) {
    const asked = askedOf(flavor)
    return asked.length === 0 ? null : JSON.stringify(asked)
  },
  judge(host, { flavor }) {
    for (const [path, asked] of askedOf(flavor)) {
      const have = attributeOf(host, path)
      if (have === undefined) return `it has no capability ${path.join(':')}`
      const values = Array.isArray(have) ? have.map(String) : [String(have)]
      if (values.some((value) => matches(value, asked))) continue
      return { says: `its ${path.join(':')} is ${values.join(', ')}, asked is ${asked}`, short: shortOf(values, asked) }
    }
    return undefined
  },
}
