// The NICs of a server as its create request settled them.

/** One NIC; kept with the server, so that every repetition of a build speaks of the same port. */
export interface ServerNetwork {
  networkId: string
  portId: string
  /** The port was there before the server and outlives it. */
  given: boolean
  fixedIp: string | null
  subnetId: string | null
  tag: string | null
}
