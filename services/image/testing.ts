// An image service behind a real API server, for tests: its callers are named by their tokens.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Api } from '@kilonova/api/server'
import { createApi } from '@kilonova/api/server'
import type { Caller } from '@kilonova/api/testing-callers'
import { authenticateCaller, bearerOf } from '@kilonova/api/testing-callers'
import type { Clock } from '@kilonova/base/clock'
import { makeContext, type RequestContext } from '@kilonova/base/context'
import { readConfig } from '@kilonova/base/options'
import type { Store } from '@kilonova/store/store'
import { type ImageOptions, imageOptions } from './options.ts'
import { createImageService, type ImageService } from './service.ts'

export const PATCH_TYPE = 'application/openstack-images-v2.1-json-patch'
export function contextOf(caller: Caller): RequestContext {
  return makeContext(bearerOf(caller))
}

export interface Reply {
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: tests look into bodies of every form
  body: any
  headers: Record<string, unknown>
  raw: Buffer
}

export interface Asked {
  as?: Caller
  json?: unknown
  data?: Buffer | string
  headers?: Record<string, string>
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'

export interface TestService {
  api: Api
  service: ImageService
  directory: string
  /** `path` is below `/image`; the caller is alice unless named. */
  ask(method: Method, path: string, asked?: Asked): Promise<Reply>
  /** A queued image of alice's, and its id. */
  create(image?: object, as?: Caller): Promise<string>
  patch(id: string, operations: unknown, as?: Caller): Promise<Reply>
  upload(id: string, data: Buffer | string, asked?: Asked): Promise<Reply>
  close(): Promise<void>
}

export interface TestServiceOptions {
  store: Store
  options?: Partial<ImageOptions>
  directory?: string
  clock?: Clock
}

export async function startService({ store, options, directory, clock }: TestServiceOptions): Promise<TestService> {
  const parent = directory ?? (await mkdtemp(join(tmpdir(), 'kilonova-image-')))
  const images = join(parent, 'images')
  const all = { ...readConfig({ image: imageOptions }).image, reserved_space_mb: 0, ...options }
  const service = createImageService({ store, directory: images, options: all, ...(clock ? { clock } : {}) })
  await service.start()
  const api = createApi({ authenticate: authenticateCaller })
  api.mount(service.api)
  const ask = (method: Method, path: string, asked: Asked = {}): Promise<Reply> => inject(api, method, path, asked)
  return {
    api,
    service,
    directory: images,
    ask,
    async create(image = {}, as = 'alice') {
      const json = { name: 'disk', disk_format: 'raw', container_format: 'bare', ...image }
      const { status, body } = await ask('POST', '/v2/images', { as, json })
      if (status !== 201) throw new Error(`create answered ${status}: ${body.message}`)
      return body.id
    },
    patch: (id, operations, as = 'alice') =>
      ask('PATCH', `/v2/images/${id}`, { as, json: operations, headers: { 'content-type': PATCH_TYPE } }),
    upload: (id, data, { as = 'alice', headers = {} } = {}) =>
      ask('PUT', `/v2/images/${id}/file`, {
        as,
        data,
        headers: { 'content-type': 'application/octet-stream', ...headers },
      }),
    async close() {
      await service.stop()
      await api.close()
      if (directory === undefined) await rm(parent, { recursive: true, force: true })
    },
  }
}

async function inject(api: Api, method: Method, path: string, asked: Asked): Promise<Reply> {
  const { as = 'alice', json, data, headers = {} } = asked
  const payload = json === undefined ? data : JSON.stringify(json)
  const answer = await api.fastify.inject({
    method,
    url: `/image${path}`,
    headers: {
      'x-auth-token': as,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(payload === undefined ? {} : { payload }),
  })
  const isJson = String(answer.headers['content-type']).startsWith('application/json') && answer.body !== ''
  return {
    status: answer.statusCode,
    body: isJson ? JSON.parse(answer.body) : undefined,
    headers: answer.headers,
    raw: answer.rawPayload,
  }
}
