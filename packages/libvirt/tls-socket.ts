// The way to a daemon that listens for TLS (port 16514), with libvirt's own places for certificates.
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { connect } from 'node:tls'

export interface TlsOptions {
  /** Default 16514. */
  port?: number
  /** A directory with cacert.pem, clientcert.pem and clientkey.pem. Default: libvirt's places under /etc/pki. */
  pki?: string
  /** The name in the daemon's certificate where it is not the host's. */
  serverName?: string
}

const ACCEPTED = 1

/** A connector to `host`; it fails unless both sides accept the other's certificate. */
export function tlsSocket(host: string, options: TlsOptions = {}): () => Promise<Duplex> {
  const { port = 16514, pki, serverName } = options
  const files = pki
    ? [join(pki, 'cacert.pem'), join(pki, 'clientcert.pem'), join(pki, 'clientkey.pem')]
    : ['/etc/pki/CA/cacert.pem', '/etc/pki/libvirt/clientcert.pem', '/etc/pki/libvirt/private/clientkey.pem']
  return async () => {
    const [ca, cert, key] = await Promise.all(files.map((file) => readFile(file)))
    const socket = connect({ host, port, ca, cert, key, ...(serverName ? { servername: serverName } : {}) })
    socket.setKeepAlive(true, 10_000)
    await accepted(socket, host)
    return socket
  }
}

/** After its handshake libvirt sends one byte: whether it accepts the client's certificate. */
function accepted(socket: TLSSocket, host: string): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const look = () => {
    const byte: Buffer | null = socket.read(1)
    if (!byte) return
    if (byte[0] === ACCEPTED) resolve()
    else reject(new Error(`${host} does not accept this client's certificate`))
  }
  const ended = () => reject(new Error(`${host} closed the connection in the TLS handshake`))
  socket.on('readable', look)
  socket.once('error', reject)
  socket.once('close', ended)
  return promise
    .catch((error) => {
      socket.destroy()
      throw error
    })
    .finally(() => {
      socket.off('readable', look)
      socket.off('error', reject)
      socket.off('close', ended)
    })
}
