// Who may do what in identity: Keystone's default rules. A target says the domain that owns the thing touched.
import type { Policy, Rule } from '@kilonova/api/policy'
import { admin, any, either } from '@kilonova/api/policy'

declare module '@kilonova/api/policy' {
  interface Target {
    /** The domain of the thing; null for one that belongs to none or does not exist. Absent: the caller's own. */
    domainId?: string | null
  }
}

const systemReader: Rule = ({ roles, systemScope }) => systemScope === 'all' && roles.includes('reader')

/** The role on the domain that owns the thing, by a token for that domain. */
const onDomain =
  (role: string): Rule =>
  ({ roles, domainId: own }, { domainId = own }) =>
    own !== null && own === domainId && roles.includes(role)

const self: Rule = ({ userId: own }, { userId = own }) => own !== null && own === userId
const ownProject: Rule = ({ projectId: own }, { projectId = own }) => own !== null && own === projectId
const ownDomain: Rule = ({ domainId, projectDomainId }, { domainId: target }) =>
  target === undefined || (target !== null && (target === domainId || target === projectDomainId))
const serviceRole: Rule = ({ roles }) => roles.includes('service')

const read = either(admin, systemReader, onDomain('reader'))
const readOrSelf = either(read, self)
const write = either(admin, onDomain('manager'))
const systemRead = either(admin, systemReader)
const roleRead = either(systemRead, onDomain('manager'))

export const policy = {
  'identity:validate_token': either(systemRead, serviceRole, self),
  'identity:check_token': either(systemRead, self),
  'identity:revoke_token': either(admin, self),
  'identity:get_auth_projects': any,
  'identity:get_auth_domains': any,
  'identity:get_auth_system': any,
  'identity:get_auth_catalog': any,

  'identity:list_domains': systemRead,
  'identity:get_domain': either(systemRead, ownDomain),
  'identity:create_domain': admin,
  'identity:update_domain': admin,
  'identity:delete_domain': admin,

  'identity:list_projects': read,
  'identity:get_project': either(read, ownProject),
  'identity:list_user_projects': readOrSelf,
  'identity:create_project': write,
  'identity:update_project': write,
  'identity:delete_project': write,
  'identity:list_project_tags': either(read, ownProject),
  'identity:get_project_tag': either(read, ownProject),
  'identity:update_project_tags': write,
  'identity:create_project_tag': write,
  'identity:delete_project_tag': write,
  'identity:delete_project_tags': write,

  'identity:list_users': read,
  'identity:get_user': readOrSelf,
  'identity:create_user': write,
  'identity:update_user': write,
  'identity:delete_user': write,
  'identity:change_password': self,

  'identity:list_groups': read,
  'identity:get_group': read,
  'identity:list_groups_for_user': readOrSelf,
  'identity:create_group': write,
  'identity:update_group': write,
  'identity:delete_group': write,
  'identity:list_users_in_group': read,
  'identity:check_user_in_group': read,
  'identity:add_user_to_group': write,
  'identity:remove_user_from_group': write,

  'identity:list_roles': roleRead,
  'identity:get_role': roleRead,
  'identity:create_role': admin,
  'identity:update_role': admin,
  'identity:delete_role': admin,
  'identity:list_implied_roles': systemRead,
  'identity:get_implied_role': systemRead,
  'identity:check_implied_role': systemRead,
  'identity:create_implied_role': admin,
  'identity:delete_implied_role': admin,
  'identity:list_role_inference_rules': systemRead,

  'identity:list_grants': read,
  'identity:check_grant': read,
  'identity:create_grant': write,
  'identity:revoke_grant': write,
  'identity:list_system_grants_for_user': systemRead,
  'identity:check_system_grant_for_user': systemRead,
  'identity:create_system_grant_for_user': admin,
  'identity:revoke_system_grant_for_user': admin,
  'identity:list_system_grants_for_group': systemRead,
  'identity:check_system_grant_for_group': systemRead,
  'identity:create_system_grant_for_group': admin,
  'identity:revoke_system_grant_for_group': admin,
  'identity:list_role_assignments': read,

  'identity:list_regions': any,
  'identity:get_region': any,
  'identity:create_region': admin,
  'identity:update_region': admin,
  'identity:delete_region': admin,
  'identity:list_services': systemRead,
  'identity:get_service': systemRead,
  'identity:create_service': admin,
  'identity:update_service': admin,
  'identity:delete_service': admin,
  'identity:list_endpoints': systemRead,
  'identity:get_endpoint': systemRead,
  'identity:create_endpoint': admin,
  'identity:update_endpoint': admin,
  'identity:delete_endpoint': admin,
} satisfies Policy
