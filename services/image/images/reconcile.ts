// Ends what was interrupted: deletions are finished, images of dead uploads are queued again, parts of files removed.
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import type { ImageParts } from '../parts.ts'
import { discard } from './delete.ts'

/** Milliseconds without a sign of life after which another process's upload is dead. */
const UPLOAD_LEASE = 120_000

export interface ReconcileOptions {
  /** No other process works on this store, so that every upload that does not run here is dead. */
  alone: boolean
}

/** Level-triggered and idempotent. Whole files without a row are left to the audit: after a restore they are data. */
export async function reconcileImages(parts: ImageParts, { alone }: ReconcileOptions): Promise<void> {
  const { images, files, uploads } = parts
  const { parts: partFiles } = await files.list() // before the rows: what is written later has its row already
  for (const row of await images.unfinished()) {
    const isDead = row.upload === null || !uploads.lives(row.upload)
    const hasExpired = alone || row.silent === null || row.silent > UPLOAD_LEASE
    await attempt(row.id, async () => {
      if (row.status === 'pending_delete') await discard(parts, row)
      else if (isDead && hasExpired) await giveBack(parts, row.id, row.upload)
    })
  }
  const named = await images.namedFiles()
  for (const part of partFiles) {
    if (!named.has(part) && !uploads.lives(part)) await attempt(part, () => files.remove(part))
  }
}

async function giveBack({ images, files, clock }: ImageParts, id: string, upload: string | null): Promise<void> {
  if (upload === null) return
  if (await images.abandonUpload(id, upload, clock.now())) await files.remove(upload)
}

/** One that cannot be mended must not keep the others from it. */
async function attempt(what: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    log('image').error({ image: what }, `could not be reconciled: ${errorChain(error)}`)
  }
}
