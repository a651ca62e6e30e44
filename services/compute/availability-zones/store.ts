// The zones that hosts are in.
import type { Compute } from '../compute.ts'

/** The names that a server may ask for. */
export async function availabilityZones({ options }: Compute): Promise<string[]> {
  return [options.default_availability_zone]
}
