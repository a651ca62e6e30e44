// Takes an image's data: inspected, hashed and written while it streams; visible only once it is whole.
import type { Readable } from 'node:stream'
import type { RequestContext } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import { fault } from '../faults.ts'
import { earlyRefusals, refusals } from '../inspector/acceptance.ts'
import type { Problem } from '../inspector/format.ts'
import { StreamInspector } from '../inspector/inspect-stream.ts'
import type { ImageParts } from '../parts.ts'
import { ownImage } from './access.ts'
import type { Image } from './image.ts'
import { drain, paced } from './pace.ts'

/** Containers whose data is the disk itself; of the others the disk_format tells what lies inside. */
const INSPECTED_CONTAINERS = ['bare', 'ami', 'aki', 'ari']
const KEEP_EVERY = 10_000

export interface UploadSource {
  stream: Readable
  /** Bytes that the sender announced. */
  length?: number | undefined
}

/** Fills a queued image. On any failure the image is queued again and nothing of the data is left. */
export async function uploadImage(
  parts: ImageParts,
  context: RequestContext,
  { id, stream, length = 0 }: UploadSource & { id: string },
): Promise<void> {
  const { images, files, uploads, options, clock } = parts
  const image = await ownImage(parts, context, { id, rule: 'upload_image' })
  requireFormats(image)
  if (image.status !== 'queued') throw fault('ImageStateConflict', { from: image.status, to: 'saving' })
  if (length > options.image_size_cap) throw fault('ImageTooLarge', { limit: options.image_size_cap })
  await files.ensureRoom(length)
  const name = `${id}.${parts.random.bytes(4).toString('hex')}`
  const signal = uploads.begin(name)
  try {
    if (!(await images.beginUpload(id, name, clock.now()))) {
      throw fault('ImageStateConflict', { from: 'saving', to: 'saving' })
    }
    await receive(parts, { image, name, stream, signal })
  } catch (error) {
    drain(stream)
    await abandon(parts, id, name)
    throw error
  } finally {
    uploads.end(name)
  }
}

function requireFormats({ disk_format, container_format }: Image): void {
  const missing = Object.entries({ disk_format, container_format }).filter(([, value]) => value === null)
  if (missing.length > 0) throw fault('FormatsMissing', { missing: missing.map(([name]) => name).join(', ') })
}

interface Receiving {
  image: Image
  /** The upload, and the file that it writes. */
  name: string
  stream: Readable
  signal: AbortSignal
}

async function receive(parts: ImageParts, { image, name, stream, signal }: Receiving): Promise<void> {
  const { clock, images, files, options } = parts
  const stopKeeping = keepAlive(parts, image.id, name)
  try {
    const chunks = paced(stream, { clock, timeout: options.upload_timeout, signal })
    const checked = new CheckedData(chunks, image, options.image_size_cap)
    const { size, md5, sha512 } = await files.write(name, checked)
    const data = { size, virtual_size: checked.virtualSize, checksum: md5, os_hash_value: sha512, now: clock.now() }
    if (!(await images.finishUpload(image.id, name, data))) {
      await files.remove(name)
      throw fault('ImageGone', { id: image.id })
    }
  } finally {
    stopKeeping()
  }
}

/** The chunks of an upload, refused as soon as they show that they cannot be the declared image. */
class CheckedData implements AsyncIterable<Uint8Array> {
  /** Known once all chunks have passed. */
  virtualSize: number | null = null
  readonly #chunks: AsyncIterable<Uint8Array>
  readonly #declared: string
  readonly #isInspected: boolean
  readonly #limit: number

  constructor(chunks: AsyncIterable<Uint8Array>, image: Image, limit: number) {
    this.#chunks = chunks
    this.#declared = image.disk_format!
    this.#isInspected = INSPECTED_CONTAINERS.includes(image.container_format!)
    this.#limit = limit
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const inspector = this.#isInspected ? new StreamInspector() : undefined
    let size = 0
    for await (const chunk of this.#chunks) {
      size += chunk.length
      if (size > this.#limit) throw fault('ImageTooLarge', { limit: this.#limit })
      if (inspector) {
        inspector.push(chunk)
        refuse(earlyRefusals(this.#declared, inspector.soFar()))
      }
      yield chunk
    }
    if (!inspector || size === 0) return
    const inspection = inspector.finish()
    refuse(refusals(this.#declared, inspection))
    this.virtualSize = inspection.virtualSize
  }
}

function refuse(problems: Problem[]): void {
  if (problems.length > 0) throw fault('ContentRefused', { problems: problems.map(({ why }) => why) })
}

/** Tells the other processes that the upload lives, and ends it when the image is no longer its own. */
function keepAlive({ images, uploads, clock }: ImageParts, id: string, name: string): () => void {
  const keep = async (): Promise<void> => {
    try {
      if (!(await images.keepUpload(id, name))) uploads.abort(name, fault('ImageGone', { id }))
    } catch (error) {
      log('image').warn({ image: id }, `could not tell that the upload lives: ${errorChain(error)}`)
    }
    if (uploads.lives(name)) timer = clock.after(KEEP_EVERY, keep)
  }
  let timer = clock.after(KEEP_EVERY, keep)
  return () => timer.cancel()
}

/** Only who gives the image back may remove the file: after a lost reply of the last commit it may be the image's. */
async function abandon({ images, files, clock }: ImageParts, id: string, name: string): Promise<void> {
  try {
    if (await images.abandonUpload(id, name, clock.now())) await files.remove(name)
  } catch (error) {
    log('image').error({ image: id }, `the upload is cleaned up later: ${errorChain(error)}`)
  }
}
