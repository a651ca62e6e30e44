// A plug-in that adds a field to POST /servers, keeps it with the server, and shows it again.
import { Type } from '@kilonova/api/type'
import { since } from '@kilonova/api/versions'
import { faultsOf } from '@kilonova/base/fault'
import { definePlugin, serverCreate } from '@kilonova/compute/plugin'

const FIELD = 'acme:cost_center'

const fault = faultsOf({
  CostCenterUnknown: {
    status: 400,
    kind: 'badRequest',
    say: ({ center }: { center: string }) => `There is no cost center ${center}.`,
  },
})

export default definePlugin({
  name: 'cost-center',
  options: {
    known: { type: 'list', default: [], help: 'cost centers that servers may name; any when empty' },
  },
  extend: ({ known }) => ({
    serverCreate: serverCreate({
      fields: { [FIELD]: Type.Optional(Type.String({ minLength: 1, maxLength: 32, ...since('2.60') })) },
      act({ server, keep }) {
        const center = server[FIELD]
        if (center === undefined) return
        if (known.length > 0 && !known.includes(center)) throw fault('CostCenterUnknown', { center })
        keep(center)
      },
    }),
    serverView: {
      fields: { [FIELD]: Type.Optional(Type.String(since('2.60'))) },
      async values({ kept }) {
        const centers = [...(await kept())]
        return new Map(centers.map(([id, center]) => [id, { [FIELD]: center }]))
      },
    },
  }),
})
