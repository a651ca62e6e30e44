// The rows of identity's tables. Flags are 1 and 0, times milliseconds since 1970, `extra` and `options` JSON objects.
import type { Flag } from '@kilonova/store/store'

/** Project and domain rows share a table, as in Keystone: a domain is a project that owns others. */
export interface ProjectRow {
  id: string
  name: string
  /** The owning domain; NO_DOMAIN for a domain itself. */
  domain_id: string
  /** The parent project, or the domain at the top; null for a domain. */
  parent_id: string | null
  is_domain: Flag
  enabled: Flag
  description: string
  extra: string
  options: string
  /** Grows when all tokens of before are to be dead: a token holds while the numbers behind it are those it was made at. */
  token_generation: number
}

/** In place of null, so that names are unique among domains, and among roles that belong to no domain. */
export const NO_DOMAIN = ''

export interface TagRow {
  project_id: string
  tag: string
}

export interface UserRow {
  id: string
  name: string
  domain_id: string
  enabled: Flag
  default_project_id: string | null
  /** In PHC format; null for a user who cannot log in by password. */
  password_hash: string | null
  extra: string
  options: string
  /** Grows when all tokens of before are to be dead: a token holds while the numbers behind it are those it was made at. */
  token_generation: number
}

export interface GroupRow {
  id: string
  name: string
  domain_id: string
  description: string
  extra: string
}

export interface MembershipRow {
  group_id: string
  user_id: string
}

export interface RoleRow {
  id: string
  name: string
  domain_id: string
  description: string | null
  extra: string
  options: string
}

export interface ImpliedRoleRow {
  prior_role_id: string
  implied_role_id: string
}

export type ActorKind = 'user' | 'group'
export type TargetKind = 'project' | 'domain' | 'system'

export interface AssignmentRow {
  actor_kind: ActorKind
  actor_id: string
  target_kind: TargetKind
  /** The project's or domain's id, or `all`. */
  target_id: string
  role_id: string
  /** 1: holds in the projects below the target, not in the target itself. */
  inherited: Flag
}

export interface RegionRow {
  id: string
  description: string
  parent_region_id: string | null
  extra: string
}

export interface ServiceRow {
  id: string
  type: string
  name: string
  enabled: Flag
  extra: string
}

export interface EndpointRow {
  id: string
  service_id: string
  interface: 'public' | 'internal' | 'admin'
  region_id: string | null
  /** May hold `%(base_url)s`, `%(project_id)s` and Keystone's other substitutions. */
  url: string
  enabled: Flag
  extra: string
}

export interface TokenKeyRow {
  id: number
  /** 32 bytes in base64. */
  secret: string
  /** New tokens are sealed with it from then on. */
  active_from: number
  /** No token sealed with it is asked for after then; null for the newest key. */
  expires_at: number | null
}

export interface RevokedTokenRow {
  audit_id: string
  expires_at: number
}

/** Counts the writes under one topic, so that other processes notice them. */
export interface GenerationRow {
  topic: string
  value: number
}

/** What bootstrap has made once and never makes again. */
export interface BootstrappedRow {
  name: string
}

export interface IdentityTables {
  identity_projects: ProjectRow
  identity_project_tags: TagRow
  identity_users: UserRow
  identity_groups: GroupRow
  identity_memberships: MembershipRow
  identity_roles: RoleRow
  identity_implied_roles: ImpliedRoleRow
  identity_assignments: AssignmentRow
  identity_regions: RegionRow
  identity_services: ServiceRow
  identity_endpoints: EndpointRow
  identity_token_keys: TokenKeyRow
  identity_revoked_tokens: RevokedTokenRow
  identity_generations: GenerationRow
  identity_bootstrapped: BootstrappedRow
}
