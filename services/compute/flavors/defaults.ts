// The flavors that a new cloud starts with; names, ids and sizes as DevStack's.
import type { Compute } from '../compute.ts'
import { tables } from '../compute.ts'

interface Size {
  id: string
  name: string
  vcpus: number
  memory_mb: number
  root_gb: number
}

const SIZES: readonly Size[] = [
  { id: '42', name: 'm1.nano', vcpus: 1, memory_mb: 192, root_gb: 1 },
  { id: '84', name: 'm1.micro', vcpus: 1, memory_mb: 256, root_gb: 1 },
  { id: '1', name: 'm1.tiny', vcpus: 1, memory_mb: 512, root_gb: 1 },
  { id: '2', name: 'm1.small', vcpus: 1, memory_mb: 2048, root_gb: 20 },
  { id: '3', name: 'm1.medium', vcpus: 2, memory_mb: 4096, root_gb: 40 },
  { id: '4', name: 'm1.large', vcpus: 4, memory_mb: 8192, root_gb: 80 },
  { id: '5', name: 'm1.xlarge', vcpus: 8, memory_mb: 16384, root_gb: 160 },
]

/** Makes the usual flavors in a cloud that has none; a cloud with flavors keeps what it has. */
export async function defaultFlavors(compute: Pick<Compute, 'store' | 'clock'>): Promise<void> {
  await compute.store.transaction(async () => {
    await compute.store.lock('default flavors')
    const db = tables(compute)
    if (await db.selectFrom('compute_flavors').select('id').executeTakeFirst()) return
    const rest = { ephemeral_gb: 0, swap_mb: 0, rxtx_factor: 1, is_public: 1, disabled: 0, description: null } as const
    const created_at = compute.clock.now()
    const rows = SIZES.map((size) => ({ ...size, ...rest, created_at }))
    await db.insertInto('compute_flavors').values(rows).execute()
  })
}
