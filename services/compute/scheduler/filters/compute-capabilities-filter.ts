// Every unscoped or `capabilities:` extra spec matches the host's attribute of that name.
import { matches, shortOf } from '../extra-spec-operators.ts'
import { attributeOf } from '../host-attributes.ts'
import type { Filter } from '../host-state.ts'

const SCOPE = 'capabilities'

export const computeCapabilitiesFilter: Filter = {
  name: 'ComputeCapabilitiesFilter',
  judge(host, { flavor }) {
    for (const [key, asked] of Object.entries(flavor.extraSpecs)) {
      const parts = key.split(':')
      if (parts.length > 1 && parts[0] !== SCOPE) continue
      const path = parts.length > 1 ? parts.slice(1) : parts
      const have = attributeOf(host, path)
      if (have === undefined) return `it has no capability ${path.join(':')}`
      const values = Array.isArray(have) ? have.map(String) : [String(have)]
      if (values.some((value) => matches(value, asked))) continue
      return { says: `its ${path.join(':')} is ${values.join(', ')}, asked is ${asked}`, short: shortOf(values, asked) }
    }
    return undefined
  },
}
