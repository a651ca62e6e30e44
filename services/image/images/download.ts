// Gives an image's data, whole or a range of it.
import type { Readable } from 'node:stream'
import type { RequestContext } from '@kilonova/base/context'
import { fault } from '../faults.ts'
import type { ByteRange } from '../file-store.ts'
import type { ImageParts } from '../parts.ts'
import { seenImage } from './access.ts'
import type { Image } from './image.ts'

/** An image that has data, and the name of the data in the file store. */
export interface StoredImage {
  image: Image
  file: string
  size: number
}

/** Undefined while the image has no data. Throws ImageNotFound and ImageDeactivated. */
export async function storedImage(
  parts: ImageParts,
  context: RequestContext,
  id: string,
): Promise<StoredImage | undefined> {
  const image = await seenImage(parts, context, id)
  if (image.status === 'deactivated' && !context.isAdmin) throw fault('ImageDeactivated', { id })
  return image.file === null ? undefined : { image, file: image.file, size: image.size ?? 0 }
}

export interface Download {
  image: Image
  size: number
  range: ByteRange | undefined
  stream: Readable
}

/** `rangeHeader` is the value of HTTP's Range. Throws RangeNotSatisfiable. */
export async function downloadImage(
  parts: ImageParts,
  context: RequestContext,
  { id, rangeHeader }: { id: string; rangeHeader?: string | undefined },
): Promise<Download | undefined> {
  const stored = await storedImage(parts, context, id)
  if (!stored) return undefined
  const { image, size, file } = stored
  const range = rangeHeader === undefined ? undefined : parseRange(rangeHeader, size)
  return { image, size, range, stream: await parts.files.read(file, range) }
}

function parseRange(header: string, size: number): ByteRange {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header.trim())
  const [, first = '', last = ''] = match ?? []
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first)
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1)
  const isEmpty = first === '' && (last === '' || Number(last) === 0)
  if (!match || isEmpty || start > end || start >= size) throw fault('RangeNotSatisfiable', { range: header, size })
  return { start, end }
}
