// The host is in the zone that the user named. Always on.
import type { Filter } from '../host-state.ts'

export const availabilityZoneFilter: Filter = {
  name: 'AvailabilityZone',
  reads: ({ zone }) => zone,
  judge: (host, { zone }) =>
    zone === null || zone === host.zone ? undefined : `it is in zone ${host.zone}, not ${zone}`,
}
