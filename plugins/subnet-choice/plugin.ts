// Lets an item of `networks` in POST /servers name the subnet that its address comes from: `subnet_id` [+ fixed_ip].
import { uuid } from '@kilonova/api/fields'
import { Type } from '@kilonova/api/type'
import { fault } from '@kilonova/compute/faults'
import { definePlugin, serverCreate } from '@kilonova/compute/plugin'

export default definePlugin({
  name: 'subnet-choice',
  extend: () => ({
    serverCreate: serverCreate({
      networkFields: { subnet_id: Type.Optional(uuid()) },
      act({ networks, plan }) {
        if (!Array.isArray(plan.networks)) return
        for (const [index, { subnet_id: subnetId, port }] of networks.entries()) {
          if (subnetId === undefined) continue
          if (port) {
            const message = `Specified subnet ${subnetId} cannot be used with port ${port}: the port has its own addresses.`
            throw fault('BadRequest', { message })
          }
          plan.networks[index] = { ...plan.networks[index], subnetId }
        }
      },
    }),
  }),
})
