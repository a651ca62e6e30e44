import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, it } from 'node:test'
import { type Clock, systemClock, VirtualClock } from '@kilonova/base/clock'
import { run } from '@kilonova/base/command'
import { isFault } from '@kilonova/base/fault'
import { openStore } from '@kilonova/store/store'
import { memoryStore, onBothStores, onPostgres } from '@kilonova/store/testing'
import { be64, inDirectory, made, partitioned, patched } from '../inspector/testing.ts'
import { imageSchema } from '../schema/steps.ts'
import { contextOf, startService, type TestService, type TestServiceOptions } from '../testing.ts'

const MIB = 1024 * 1024
const services: TestService[] = []
after(() => Promise.all(services.map((service) => service.close())))

async function start(options: Omit<TestServiceOptions, 'store'> = {}): Promise<TestService> {
  const service = await startService({ store: await memoryStore(imageSchema), ...options })
  services.push(service)
  return service
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await systemClock.sleep(5)
}

/** A PUT of data over a real connection, in the test's hands. */
async function openUpload(service: TestService | string, id: string, headers: Record<string, string> = {}) {
  const url = typeof service === 'string' ? service : await service.api.listen({ host: '127.0.0.1', port: 0 })
  const sent = request(`${url}/image/v2/images/${id}/file`, {
    method: 'PUT',
    headers: { 'x-auth-token': 'alice', 'content-type': 'application/octet-stream', ...headers },
  })
  const status = new Promise<number | string>((resolve) => {
    sent.on('response', (response) => resolve(response.resume().statusCode!))
    sent.on('error', (error) => resolve(error.message))
  })
  return { sent, status }
}

const statusOf = async ({ ask }: TestService, id: string) => (await ask('GET', `/v2/images/${id}`)).body?.status
const filesOf = ({ directory }: TestService) => readdir(directory)

describe('an upload', () => {
  it('makes the image active and bit-exact, and gives ranges of it', async () => {
    const service = await start()
    const { ask, create, upload, directory } = service
    const data = Buffer.concat([partitioned(), Buffer.alloc(3 * MIB), Buffer.from('the end')])
    const id = await create()
    assert.equal((await upload(id, data)).status, 204)
    const { body } = await ask('GET', `/v2/images/${id}`)
    assert.equal(body.status, 'active')
    assert.equal(body.size, data.length)
    assert.equal(body.virtual_size, data.length)
    assert.equal(body.checksum, createHash('md5').update(data).digest('hex'))
    assert.equal(body.os_hash_algo, 'sha512')
    assert.equal(body.os_hash_value, createHash('sha512').update(data).digest('hex'))
    const whole = await ask('GET', `/v2/images/${id}/file`)
    assert.ok(whole.raw.equals(data))
    assert.equal(whole.headers['content-md5'], body.checksum)
    assert.equal(whole.headers['content-length'], String(data.length))
    const [file] = await readdir(directory)
    const { blocks } = await stat(join(directory, file!))
    assert.ok(blocks * 512 < data.length, 'zeros are holes')
    const range = (header: string) => ask('GET', `/v2/images/${id}/file`, { headers: { range: header } })
    for (const [header, text] of [
      ['bytes=-7', 'the end'],
      [`bytes=${data.length - 7}-`, 'the end'],
      [`bytes=${data.length - 7}-${data.length - 5}`, 'the'],
      [`bytes=${data.length - 3}-${data.length + 9}`, 'end'],
    ] as const) {
      const answer = await range(header)
      assert.equal(answer.status, 206)
      assert.equal(answer.raw.toString(), text)
      assert.match(String(answer.headers['content-range']), new RegExp(`^bytes \\d+-\\d+/${data.length}$`))
    }
    for (const header of [`bytes=${data.length}-`, 'bytes=5-4', 'bytes=-', 'bytes=-0', 'bytes=0-1,3-4', 'lines=1-2']) {
      assert.equal((await range(header)).status, 416, header)
    }
  })

  it('has nothing to download before', async () => {
    const { ask, create } = await start()
    assert.equal((await ask('GET', `/v2/images/${await create()}/file`)).status, 204)
  })

  it('takes a qcow2 and tells its virtual size', async () => {
    const { ask, create, upload } = await start()
    const id = await create({ disk_format: 'qcow2' })
    assert.equal((await upload(id, await made('qcow2'))).status, 204)
    assert.equal((await ask('GET', `/v2/images/${id}`)).body.virtual_size, 8 * MIB)
  })

  it('takes no data at all, and kinds of containers that are not looked into', async () => {
    const { create, upload } = await start()
    assert.equal((await upload(await create(), '')).status, 204)
    const id = await create({ disk_format: 'vmdk', container_format: 'ova' })
    assert.equal((await upload(id, 'a tar file')).status, 204)
  })

  it('is refused when the content is not the declared or not safe, and leaves nothing', async () => {
    const service = await start()
    const qcow2 = await made('qcow2')
    const refused: [string, Buffer, RegExp][] = [
      ['raw', qcow2, /disk_format is raw, but the content is qcow2/],
      ['qcow2', Buffer.alloc(MIB), /disk_format is qcow2, but the content is raw/],
      ['qcow2', patched(qcow2, 8, be64(512n)), /backing file/],
      ['qcow2', patched(qcow2, 72, be64(4n)), /another file/],
      ['vmdk', Buffer.from('# Disk DescriptorFile\nversion=1\nRW 1 FLAT "/etc/shadow" 0\n'), /only a descriptor/],
      ['iso', patched(patched(Buffer.alloc(MIB), 32_769, 'CD001'), 0, qcow2.subarray(0, 200)), /qcow2/],
    ]
    for (const [disk_format, data, message] of refused) {
      const id = await service.create({ disk_format })
      const answer = await service.upload(id, data)
      assert.equal(answer.status, 415, disk_format)
      assert.match(answer.body.message, message)
      assert.equal(await statusOf(service, id), 'queued')
      const { body } = await service.ask('GET', `/v2/images/${id}`)
      assert.deepEqual([body.size, body.checksum, body.os_hash_value], [null, null, null])
    }
    assert.deepEqual(await filesOf(service), [])
  })

  it('is refused without formats, in another state, of another media type, and beyond the limits', async () => {
    const service = await start({ options: { image_size_cap: 1000 } })
    const { create, upload, ask } = service
    assert.equal((await upload(await create({ disk_format: null }), 'x')).status, 400)
    const id = await create()
    const json = { 'content-type': 'application/json' }
    assert.equal((await upload(id, 'x', { headers: json })).status, 415)
    assert.equal((await upload(id, Buffer.alloc(1001))).status, 413)
    assert.equal((await upload(id, 'x', { as: 'guest' })).status, 403)
    assert.equal((await upload(id, 'x')).status, 204)
    assert.equal((await upload(id, 'y')).status, 409)
    assert.equal((await ask('GET', `/v2/images/${id}/file`)).raw.toString(), 'x')
    const full = await start({ options: { reserved_space_mb: 2 ** 40 } })
    const other = await full.create()
    assert.equal((await full.upload(other, 'x')).status, 507)
    assert.equal(await statusOf(full, other), 'queued')
    assert.deepEqual(await filesOf(full), [])
  })

  it('is cut at the size limit when its length is not announced', async () => {
    const service = await start({ options: { image_size_cap: MIB } })
    const id = await service.create()
    const { sent, status } = await openUpload(service, id)
    const block = Buffer.alloc(64 * 1024, 'x')
    for (let index = 0; index < 40; index++) sent.write(block)
    assert.equal(await status, 413)
    sent.destroy()
    assert.equal(await statusOf(service, id), 'queued')
    assert.deepEqual(await filesOf(service), [])
  })

  it('is refused early, while the sender still sends', async () => {
    const service = await start()
    const id = await service.create({ disk_format: 'raw' })
    const { sent, status } = await openUpload(service, id)
    sent.write((await made('qcow2')).subarray(0, 65_536))
    assert.equal(await status, 415)
    sent.destroy()
  })

  it('gives the image back when the sender goes away, or announced more than it sends', async () => {
    const service = await start()
    const id = await service.create()
    const { sent, status } = await openUpload(service, id, { 'content-length': String(10 * MIB) })
    sent.write(Buffer.alloc(MIB, 'x'))
    await until(async () => (await filesOf(service)).length === 1)
    assert.equal(await statusOf(service, id), 'saving')
    sent.destroy()
    assert.equal(typeof (await status), 'string')
    await until(async () => (await statusOf(service, id)) === 'queued')
    await until(async () => (await filesOf(service)).length === 0)
    assert.equal((await service.upload(id, 'whole')).status, 204)
  })

  it('ends when the sender stalls', async () => {
    const clock = new VirtualClock()
    const service = await start({ clock, options: { upload_timeout: 60 } })
    const id = await service.create()
    const { sent, status } = await openUpload(service, id)
    sent.write('a little')
    await until(async () => (await filesOf(service)).length === 1)
    await clock.advance(61_000)
    assert.equal(await status, 408)
    sent.destroy()
    assert.equal(await statusOf(service, id), 'queued')
    assert.deepEqual(await filesOf(service), [])
  })

  it('is one at a time', async () => {
    const service = await start()
    const id = await service.create()
    const { sent, status } = await openUpload(service, id)
    sent.write('first ')
    await until(async () => (await statusOf(service, id)) === 'saving')
    assert.equal((await service.upload(id, 'second')).status, 409)
    sent.end('alone')
    assert.equal(await status, 204)
    assert.equal((await service.ask('GET', `/v2/images/${id}/file`)).raw.toString(), 'first alone')
  })

  it('ends when the image is deleted, and leaves nothing', async () => {
    const service = await start()
    const id = await service.create()
    const { sent, status } = await openUpload(service, id)
    sent.write('data')
    await until(async () => (await filesOf(service)).length === 1)
    assert.equal((await service.ask('DELETE', `/v2/images/${id}`)).status, 204)
    assert.equal(await status, 410)
    sent.destroy()
    assert.equal(await statusOf(service, id), undefined)
    assert.deepEqual(await filesOf(service), [])
  })

  it('is given back when the service stops', async () => {
    const store = await memoryStore(imageSchema)
    const service = await startService({ store })
    const id = await service.create()
    const { sent, status } = await openUpload(service, id)
    sent.write('data')
    await until(async () => (await filesOf(service)).length === 1)
    await service.service.stop()
    assert.equal(await status, 503)
    sent.destroy()
    assert.equal(await statusOf(service, id), 'queued')
    assert.deepEqual(await filesOf(service), [])
    await service.close()
  })

  it('ends without a trace when the disk is full', { skip: process.getuid?.() !== 0 && 'mounts a file system' }, () =>
    inDirectory(async (directory) => {
      const images = join(directory, 'images')
      await mkdir(images)
      await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', images])
      try {
        const service = await startService({ store: await memoryStore(imageSchema), directory })
        const id = await service.create()
        const { sent, status } = await openUpload(service, id)
        sent.end(Buffer.alloc(2 * MIB, 'x'))
        assert.equal(await status, 507)
        assert.equal(await statusOf(service, id), 'queued')
        assert.deepEqual(await filesOf(service), [])
        assert.equal((await service.upload(id, 'small')).status, 204)
        await service.close()
      } finally {
        await run('umount', [images])
      }
    }),
  )
})

onBothStores('what a crash left', (open) => {
  async function interrupted(clock?: Clock) {
    const store = await open(imageSchema)
    const service = await startService({ store, ...(clock ? { clock } : {}) })
    services.push(service)
    const id = await service.create()
    return { store, service, id }
  }

  /** The rows as a process leaves them that dies. */
  async function leave(store: Awaited<ReturnType<typeof open>>, id: string, columns: object): Promise<void> {
    await store.as<{ images: { id: string } }>().updateTable('images').set(columns).where('id', '=', id).execute()
  }

  it('is ended at the next start', async () => {
    const { store, service, id } = await interrupted()
    const other = await service.create()
    const upload = `${id}.0badcafe`
    await leave(store, id, { status: 'saving', upload, upload_seen_at: 1 })
    await leave(store, other, { status: 'pending_delete', file: `${other}.0badcafe` })
    const left = [upload, `${upload}.part`, `${other}.0badcafe`, `${id}.deadbeef.part`]
    const kept = [`${id}.feedbeef`, 'notes.txt']
    for (const name of [...left, ...kept]) await writeFile(join(service.directory, name), 'x')
    for (let twice = 0; twice < 2; twice++) {
      await service.service.start()
      assert.equal(await statusOf(service, id), 'queued')
      assert.equal(await statusOf(service, other), undefined)
      assert.deepEqual((await filesOf(service)).sort(), kept.sort())
    }
    assert.deepEqual(await service.service.orphans(), [`${id}.feedbeef`])
    assert.equal((await service.upload(id, 'data')).status, 204)
    assert.equal((await service.ask('POST', '/v2/images', { json: { id: other } })).status, 201)
  })
})

onPostgres('two processes', (open) => {
  it('leave the upload of the other alone', async () => {
    const store = await open(imageSchema)
    const service = await startService({ store })
    services.push(service)
    const id = await service.create()
    const source = new PassThrough()
    source.write('data')
    const uploading = service.service.client.upload(contextOf('alice'), id, source)
    await until(async () => (await filesOf(service)).length === 1)
    const second = await startService({ store, directory: join(service.directory, '..') })
    assert.equal(await statusOf(service, id), 'saving')
    source.end()
    assert.equal((await uploading).status, 'active')
    await second.close()
  })
})

describe('a process killed in an upload', () => {
  it('is recovered: the image is queued, nothing is left, what was whole stays', () =>
    inDirectory(async (directory) => {
      const child = spawn(process.execPath, [join(import.meta.dirname, '../testing-server.ts'), directory], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      try {
        const url = String((await once(child.stdout, 'data'))[0]).trim()
        const headers = { 'x-auth-token': 'alice', 'content-type': 'application/json' }
        const create = async () => {
          const body = JSON.stringify({ disk_format: 'raw', container_format: 'bare' })
          const answer = await fetch(`${url}/image/v2/images`, { method: 'POST', headers, body })
          return ((await answer.json()) as { id: string }).id
        }
        const [whole, half] = [await create(), await create()]
        const first = await openUpload(url, whole)
        first.sent.end('whole')
        assert.equal(await first.status, 204)
        const { sent } = await openUpload(url, half)
        sent.write(Buffer.alloc(MIB, 'x'))
        const images = join(directory, 'images')
        const isWriting = async () => {
          const part = (await readdir(images)).find((name) => name.endsWith('.part'))
          return part !== undefined && (await stat(join(images, part))).size > 0
        }
        await until(isWriting)
        child.kill('SIGKILL')
        await once(child, 'exit')
        const store = openStore({ url: `sqlite:${join(directory, 'image.db')}` })
        const service = await startService({ store, directory })
        assert.equal(await statusOf(service, half), 'queued')
        assert.equal(await statusOf(service, whole), 'active')
        const files = await filesOf(service)
        assert.equal(files.length, 1)
        assert.equal(await readFile(join(images, files[0]!), 'utf8'), 'whole')
        assert.equal((await service.upload(half, 'again')).status, 204)
        await service.close()
        await store.close()
      } finally {
        child.kill('SIGKILL')
      }
    }))
})

describe('the client in the same process', () => {
  it('does what the API does', async () => {
    const { service, create } = await start()
    const alice = contextOf('alice')
    const { client } = service
    const { id } = await client.create(alice, {
      name: 'snapshot',
      disk_format: 'raw',
      container_format: 'bare',
      properties: { image_type: 'snapshot' },
    })
    await assert.rejects(client.open(alice, id), (error) => isFault(error, 'ImageHasNoData'))
    const active = await client.upload(alice, id, Readable.from([Buffer.from('disk '), Buffer.from('data')]))
    assert.deepEqual([active.status, active.size, active.properties], ['active', 9, { image_type: 'snapshot' }])
    assert.equal((await buffer(await client.open(alice, id))).toString(), 'disk data')
    assert.equal(await readFile(await client.path!(alice, id), 'utf8'), 'disk data')
    const changed = await client.update(alice, id, { name: 'renamed', image_type: undefined, os_distro: 'debian' })
    assert.deepEqual([changed.name, changed.properties], ['renamed', { os_distro: 'debian' }])
    await create({ name: 'other' })
    assert.deepEqual(
      (await client.list(alice, { os_distro: 'debian' })).map((image) => image.id),
      [id],
    )
    await client.addMember(alice, id, contextOf('bob').projectId!)
    await client.addMember(alice, id, contextOf('bob').projectId!)
    assert.equal((await client.show(contextOf('bob'), id)).id, id)
    const stream = await client.open(alice, id)
    await client.delete(alice, id)
    assert.equal((await buffer(stream)).toString(), 'disk data')
    await assert.rejects(client.show(alice, id), (error) => isFault(error, 'ImageNotFound'))
    await assert.rejects(client.create(alice, { name: 'a\0b' }), (error) => isFault(error, 'Invalid'))
  })
})
