// What the machine gives at best: a bare Node server that answers given bytes, or commits a row for each POST.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { DatabaseSync } from 'node:sqlite'

export interface Floor {
  url: string
  close(): void
}

/** GET answers `bytes`; POST writes its body as a row of `file`, as durably as the cloud does, and answers 202. */
export async function startFloor({ bytes = '', file = ':memory:' }: { bytes?: string; file?: string }): Promise<Floor> {
  const database = new DatabaseSync(file)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE rows (body TEXT)')
  const insert = database.prepare('INSERT INTO rows VALUES (?)')
  const server = createServer(async (request, reply) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    if (request.method === 'POST') insert.run(Buffer.concat(chunks).toString())
    reply.writeHead(request.method === 'POST' ? 202 : 200, { 'content-type': 'application/json' })
    reply.end(request.method === 'POST' ? '{}' : bytes)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.close()
      server.closeAllConnections()
      database.close()
    },
  }
}
