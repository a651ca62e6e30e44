// Files of images without a record, and uploads that ended half-way.
import type { ImageService } from '@kilonova/image/service'
import type { Finding, Looked } from './finding.ts'

/** Milliseconds without a sign of life after which an upload of another process is dead. */
const SILENCE = 120_000

/** `alone`: no other process shares the store, so that an upload which does not run here does not run. */
export async function lookAtImages(image: ImageService, alone: boolean): Promise<Looked> {
  const { images, files, uploads } = image.api.deps
  const { whole, parts } = await files.list()
  const unfinished = (await images.unfinished()).filter(({ status }) => status === 'saving')
  const dead = unfinished.filter(
    ({ upload, silent }) => (upload === null || !uploads.lives(upload)) && (alone || (silent ?? Infinity) > SILENCE),
  )
  const named = await images.namedFiles()
  const findings: Finding[] = [
    ...(await image.orphans()).map((id) => ({ kind: 'image-file', id, why: 'no image has this file' })),
    ...parts
      .filter((id) => !named.has(id) && !uploads.lives(id))
      .map((id) => ({ kind: 'image-file', id: `${id}.part`, why: 'no upload writes this file' })),
    ...dead.map(({ id }) => ({ kind: 'upload', id, why: 'the image is being saved by an upload that has ended' })),
  ]
  return { checked: { 'image-file': whole.length + parts.length, upload: unfinished.length }, findings }
}
