// An image's members.
import { oneOf } from '@kilonova/api/fields'
import type { Call } from '@kilonova/api/route'
import { Type } from '@kilonova/api/type'
import { Name } from '../images/fields.ts'
import { timeText } from '../images/view.ts'
import { route } from '../route.ts'
import type { MemberRow } from '../schema/tables.ts'
import { addMember, deleteMember, listMembers, type Membership, setMemberStatus, showMember } from './members.ts'

const AddMember = Type.Object({ member: Name })
const SetStatus = Type.Object({ status: oneOf(['pending', 'accepted', 'rejected']) })

const askedOf = ({ params }: Pick<Call, 'params'>): Membership => ({ id: params['id']!, member: params['member']! })

function memberView({ image_id, member, status, created_at, updated_at }: MemberRow): object {
  const times = { created_at: timeText(created_at), updated_at: timeText(updated_at) }
  return { image_id, member_id: member, status, ...times, schema: '/v2/schemas/member' }
}

export const memberRoutes = [
  route({
    method: 'GET',
    path: '/v2/images/:id/members',
    policy: 'get_members',
    success: 200,
    handler: async (parts, { context, params }) => {
      const members = await listMembers(parts, context, params['id']!)
      return { members: members.map(memberView), schema: '/v2/schemas/members' }
    },
  }),
  route({
    method: 'POST',
    path: '/v2/images/:id/members',
    once: true,
    policy: 'add_member',
    body: AddMember,
    success: 200,
    handler: async (parts, { context, params, body }) =>
      memberView(await addMember(parts, context, { id: params['id']!, member: body.member })),
  }),
  route({
    method: 'GET',
    path: '/v2/images/:id/members/:member',
    policy: 'get_members',
    success: 200,
    handler: async (parts, call) => memberView(await showMember(parts, call.context, askedOf(call))),
  }),
  route({
    method: 'PUT',
    path: '/v2/images/:id/members/:member',
    policy: 'modify_member',
    body: SetStatus,
    success: 200,
    handler: async (parts, call) =>
      memberView(await setMemberStatus(parts, call.context, { ...askedOf(call), status: call.body.status })),
  }),
  route({
    method: 'DELETE',
    path: '/v2/images/:id/members/:member',
    policy: 'delete_member',
    success: 204,
    handler: async (parts, call) => deleteMember(parts, call.context, askedOf(call)),
  }),
]
