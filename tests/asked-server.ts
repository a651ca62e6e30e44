// A server of a fake cloud, as tests ask about it and act on it.
import assert from 'node:assert/strict'
import { isFault } from '@kilonova/base/fault'
import type { ApiClient } from '@kilonova/cloud/api-client'
import type { FakeCloud } from './fake-cloud.ts'

export interface ShownImage {
  id: string
  name: string
  status: string
  visibility: string
  owner: string
  disk_format: string
  min_disk: number
  [property: string]: unknown
}

/** That a caller is told with this status and sentence. */
export const refused = (code: number, sentence: RegExp) => (error: unknown) => {
  assert.ok(isFault(error), String(error))
  assert.match(error.message, sentence)
  assert.equal(error.status, code)
  return true
}

/** POST …/action */
export function act<T>(client: ApiClient, id: string, body: unknown, version = '2.96'): Promise<T> {
  const headers = { 'openstack-api-version': `compute ${version}` }
  return client.ask<T>({ method: 'POST', path: `/compute/v2.1/servers/${id}/action`, body, headers })
}

/** Its newest action: name, message, then its events with their results, as admins see them. */
export async function newestAction({ admin }: FakeCloud, id: string): Promise<unknown[]> {
  const path = `/compute/v2.1/servers/${id}/os-instance-actions`
  const { instanceActions } = await admin.ask<{ instanceActions: { request_id: string }[] }>({ path })
  const { instanceAction } = await admin.ask<{
    instanceAction: { action: string; message: string | null; events: { event: string; result: string }[] }
  }>({ path: `${path}/${instanceActions[0]!.request_id}` })
  const { action, message, events } = instanceAction
  const results = events.map(({ event, result }) => `${event} ${result}`)
  return [action, message, ...results.toSorted()]
}

export function showImage(client: ApiClient, id: string): Promise<ShownImage> {
  return client.ask<ShownImage>({ path: `/image/v2/images/${id}` })
}

/** Of the caller's project, newest first. */
export async function images(client: ApiClient, query = ''): Promise<ShownImage[]> {
  const path = `/image/v2/images?owner=${client.projectId}&sort=created_at:desc${query}`
  return (await client.ask<{ images: ShownImage[] }>({ path })).images
}
