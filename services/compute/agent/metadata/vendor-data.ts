// Vendor data: a static file, and replies of web services that are told about the server.
import { readFile } from 'node:fs/promises'
import { log } from '@kilonova/base/log'
import type { GuestSpec } from '../guest-spec.ts'
import type { VendorData } from './instance-metadata.ts'

export interface VendorDataOptions {
  /** vendordata_jsonfile_path; '' for none. */
  jsonFile: string
  /** vendordata_dynamic_targets: `name@url`. */
  targets: readonly string[]
  /** vendordata_dynamic_failure_fatal */
  failureFatal: boolean
}

const TIMEOUT = 5_000

/** Gathers both kinds. A target that fails gives {} unless failures are fatal. */
export async function gatherVendorData(guest: GuestSpec, options: VendorDataOptions): Promise<VendorData> {
  const replies = options.targets.map(async (target) => {
    const at = target.indexOf('@')
    return [target.slice(0, at), await ask(target.slice(at + 1), guest, options)] as const
  })
  return {
    static: options.jsonFile ? JSON.parse(await readFile(options.jsonFile, 'utf8')) : {},
    dynamic: Object.fromEntries(await Promise.all(replies)),
  }
}

async function ask(url: string, guest: GuestSpec, { failureFatal }: VendorDataOptions): Promise<unknown> {
  try {
    const reply = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: JSON.stringify(toldOf(guest)),
      signal: AbortSignal.timeout(TIMEOUT),
    })
    if (!reply.ok) throw new Error(`vendor data target ${url} answered ${reply.status}`)
    return await reply.json()
  } catch (error) {
    if (failureFatal) throw error
    log('compute.agent').warn({ err: error, url, server: guest.id }, 'vendor data target failed')
    return {}
  }
}

function toldOf(guest: GuestSpec): Record<string, unknown> {
  return {
    'project-id': guest.projectId,
    'instance-id': guest.id,
    'image-id': guest.image?.id ?? '',
    'user-data': guest.userData,
    hostname: guest.hostname,
    metadata: guest.metadata,
    'boot-roles': '',
  }
}
