// What every resource of the API has: ids, owner, times, revision, description, tags.

import { Type } from '@kilonova/api/type'
import type { RequestContext } from '@kilonova/base/context'
import type { Flag } from '@kilonova/store/store'
import { fault } from './faults.ts'
import type { Network } from './network.ts'
import type { StandardColumns } from './schema/tables.ts'
import { seconds } from './time.ts'

/** Fields of every create body. */
export const owned = {
  project_id: Type.Optional(Type.String({ maxLength: 255 })),
  tenant_id: Type.Optional(Type.String({ maxLength: 255 })),
}

/** Text fields of create and update bodies. */
export const described = { description: Type.Optional(Type.String({ maxLength: 255 })) }
export const named = { name: Type.Optional(Type.String({ maxLength: 255 })), ...described }

export const flag = (value: boolean): Flag => (value ? 1 : 0)

/** The project that a new thing shall belong to: the caller's, or for admins the one they name. */
export function ownerOf(
  { projectId, isAdmin }: RequestContext,
  { project_id, tenant_id }: { project_id?: string; tenant_id?: string },
): string {
  if (project_id !== undefined && tenant_id !== undefined && project_id !== tenant_id) {
    throw fault('BadRequest', { message: "'project_id' and 'tenant_id' do not match" })
  }
  const asked = project_id ?? tenant_id
  if (asked !== undefined && asked !== projectId && !isAdmin) {
    throw fault('BadRequest', {
      message:
        "Specifying 'project_id' or 'tenant_id' other than the authenticated project in request requires admin privileges",
    })
  }
  const owner = asked ?? projectId
  if (owner === null) {
    throw fault('BadRequest', { message: 'This token is for no project: the request must name a project_id.' })
  }
  return owner
}

/** The columns of a new row. */
export function newStandard(
  { random, clock }: Network,
  projectId: string,
  { id = random.uuid(), description = '' }: { id?: string; description?: string | undefined } = {},
): StandardColumns {
  const now = clock.now()
  return { id, project_id: projectId, description, revision_number: 0, created_at: now, updated_at: now }
}

/** The columns that each change of a row sets. */
export function changed<Row extends StandardColumns>({ clock }: Network, row: Row) {
  return { revision_number: row.revision_number + 1, updated_at: Math.max(clock.now(), row.updated_at) }
}

export function standardView(row: StandardColumns, tags: readonly string[]) {
  const { id, project_id, description, revision_number, created_at, updated_at } = row
  return {
    id,
    project_id,
    tenant_id: project_id,
    description,
    revision_number,
    created_at: seconds(created_at),
    updated_at: seconds(updated_at),
    tags,
  }
}

const IF_MATCH = /^"?revision_number=(\d+)"?$/

/** Refuses a change whose If-Match header names another revision. */
export function checkRevision(headers: { 'if-match'?: string | undefined }, row: StandardColumns): void {
  const match = IF_MATCH.exec(headers['if-match'] ?? '')
  if (!match) return
  const asked = Number(match[1])
  if (asked !== row.revision_number) {
    throw fault('RevisionNumberConstraintFailed', { asked, current: row.revision_number })
  }
}

/** The items of a create body: one under its own name, or several under the collection's. */
export function itemsOf<Item>(
  body: Record<string, unknown> | null,
  one: string,
  many: string,
): { items: Item[]; isBulk: boolean } {
  const single = body?.[one] as Item | undefined
  const several = body?.[many] as Item[] | undefined
  if ((single === undefined) === (several === undefined)) {
    throw fault('BadRequest', { message: `Resource body required: either '${one}' or '${many}'` })
  }
  return several === undefined ? { items: [single!], isBulk: false } : { items: several, isBulk: true }
}

export function parsed<T>(text: string): T {
  return JSON.parse(text) as T
}
