// Who may do what: each service lists its rules, one line each; a route names the rule that guards it.
import type { RequestContext } from '@kilonova/base/context'

/** What a rule looks at besides the caller: the owner of the thing touched. Absent: the caller's own. */
export interface Target {
  projectId?: string | null
  userId?: string | null
  domainId?: string | null
}

export type Rule = (context: RequestContext, target: Target) => boolean
export type Policy = Record<string, Rule>

const has = (context: RequestContext, role: string): boolean => context.roles.includes(role)

function onOwnProject(role: string): Rule {
  return (context, { projectId = context.projectId }) =>
    context.isAdmin || (has(context, role) && projectId !== null && projectId === context.projectId)
}

/** Any valid token. */
export const any: Rule = () => true
export const reader: Rule = onOwnProject('reader')
export const member: Rule = onOwnProject('member')
export const manager: Rule = onOwnProject('manager')
export const admin: Rule = (context) => context.isAdmin
/** Another service, or an admin. */
export const service: Rule = (context) =>
  context.isAdmin || has(context, 'service') || context.serviceRoles.includes('service')
/** Another service only: not even an admin. */
export const serviceOnly: Rule = (context) => has(context, 'service') || context.serviceRoles.includes('service')
/** The user whom the thing belongs to, or an admin. */
export const ownUser: Rule = (context, { userId = context.userId }) => context.isAdmin || userId === context.userId
export const nobody: Rule = () => false
/** Passes when one of the rules does. */
export const either =
  (...rules: Rule[]): Rule =>
  (context, target) =>
    rules.some((rule) => rule(context, target))
