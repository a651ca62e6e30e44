// What a new cloud holds besides its users: flavors, networks and the image. Each is made once.
import { createReadStream } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { writeAtomically } from '@kilonova/base/atomic-file'
import { run } from '@kilonova/base/command'
import { adminContext } from '@kilonova/base/context'
import { errorChain } from '@kilonova/base/fault'
import { log } from '@kilonova/base/log'
import { defaultFlavors } from '@kilonova/compute/flavors/defaults'
import { DEFAULT_DOMAIN } from '@kilonova/identity/bootstrap'
import type { NewImageInfo } from '@kilonova/image/client'
import { bootstrapNetwork } from '@kilonova/network/bootstrap'
import type { Cloud } from './all-in-one.ts'
import { fault } from './faults.ts'
import type { Parts } from './parts.ts'
import { readIfThere, type StateDirectory } from './state-directory.ts'

const IMAGE = 'kilonova-tiny'

export interface Filling {
  driver: 'libvirt' | 'fake'
  state: StateDirectory
  /** The cloud forgets everything when it ends. */
  memory: boolean
  signal: AbortSignal
}

/** Before the cloud answers: it takes milliseconds, and nothing when it was done before. */
export async function fillStore({ compute, identity, network }: Parts, driver: Filling['driver']): Promise<void> {
  await defaultFlavors(compute)
  const projectId = async (name: string): Promise<string | undefined> =>
    (await identity.projects.rows.find({ name, domain_id: DEFAULT_DOMAIN, is_domain: 0 }))?.id
  const [demoProjectId, adminProjectId] = [await projectId('demo'), await projectId('admin')]
  if (!demoProjectId || !adminProjectId) return // an operator has removed them: there is nobody to own the networks
  const publicCidr = driver === 'fake' ? PUBLIC_CIDRS[0]! : () => freeCidr(PUBLIC_CIDRS)
  await bootstrapNetwork(network.network, { demoProjectId, adminProjectId, privateCidr: '10.0.0.0/24', publicCidr })
}

const PUBLIC_CIDRS = Array.from({ length: 252 }, (_, i) => `172.24.${i + 4}.0/24`)

/** The first of these prefixes that the host has no route into. Clouds on one host need different ones. */
async function freeCidr(cidrs: readonly string[]): Promise<string> {
  const { stdout } = await run('ip', ['-4', '-j', 'route', 'show', 'table', 'all'])
  const routes = (JSON.parse(stdout) as { dst: string }[]).map(({ dst }) => dst)
  const free = cidrs.find((cidr) => !routes.some((dst) => dst.startsWith(cidr.replace(/0\/24$/, ''))))
  if (!free) throw fault('NoFreePrefix', {})
  return free
}

/** The image takes seconds at the first start, so the cloud answers meanwhile; a failure is tried again at the next. */
export async function fillCloud(cloud: Cloud, filling: Filling): Promise<void> {
  try {
    await makeImage(cloud, filling)
  } catch (error) {
    if (!filling.signal.aborted) log('cloud').error(`the image ${IMAGE} was not made: ${errorChain(error)}`)
  }
}

/** Made once: an operator who removes it does not find it again. */
async function makeImage({ parts }: Cloud, { driver, state, memory }: Filling): Promise<void> {
  const mark = join(state.path, 'guest-image-made')
  if (!memory && (await readIfThere(mark)) !== undefined) return
  const context = adminContext()
  const { client } = parts.image
  const known = await client.list(context, { name: IMAGE })
  if (!known.some(({ status }) => status === 'active')) {
    const about: NewImageInfo = { name: IMAGE, visibility: 'public', container_format: 'bare' }
    const { data, ...rest } = driver === 'fake' ? blankImage() : await guestImage(state)
    const image =
      known.find(({ status }) => status === 'queued') ?? (await client.create(context, { ...about, ...rest }))
    await client.upload(context, image.id, data)
  }
  if (!memory) await writeAtomically(mark, '')
}

type Filled = NewImageInfo & { data: Readable }

async function guestImage(state: StateDirectory): Promise<Filled> {
  const { buildGuestImage } = await import('./guest-image/build.ts')
  const { path, minDisk, minRam } = await buildGuestImage({
    directory: state.guestImage,
    log: (line) => log('guest-image').info(line),
  })
  return {
    disk_format: 'qcow2',
    min_disk: minDisk,
    min_ram: minRam,
    properties: { hw_rng_model: 'virtio', os_type: 'linux' },
    data: createReadStream(path),
  }
}

/** Fake hosts run nothing, so nothing has to be in it. */
function blankImage(): Filled {
  const MIB = 1024 ** 2
  return { disk_format: 'raw', min_disk: 1, min_ram: 64, data: Readable.from([Buffer.alloc(MIB)]) }
}
