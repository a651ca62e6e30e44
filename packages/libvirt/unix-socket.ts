// The way to a daemon on this machine.
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'

/** A connector to a unix socket. */
export function unixSocket(path: string): () => Promise<Duplex> {
  return () => {
    const { promise, resolve, reject } = Promise.withResolvers<Duplex>()
    const socket = connect({ path })
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      resolve(socket)
    })
    return promise
  }
}
