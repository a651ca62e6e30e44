// The address by which others reach this host.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'

/** TEST-NET-1: whatever way leads there leads to the world. Nothing is sent. */
const [ELSEWHERE, ANY_PORT] = ['192.0.2.1', 9]

/** The address that the option `my_ip` names, or that of the way out; 127.0.0.1 where there is none. */
export async function hostAddress(myIp: string): Promise<string> {
  if (myIp !== '') return myIp
  const socket = createSocket('udp4')
  try {
    socket.connect(ANY_PORT, ELSEWHERE)
    await once(socket, 'connect')
    return socket.address().address
  } catch {
    return '127.0.0.1'
  } finally {
    socket.close()
  }
}
