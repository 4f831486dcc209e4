import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export interface SilentServer {
  readonly path: string
  /** Connections that are open now. */
  open(): number
}

/** A socket that accepts whoever comes and never says a word: an engine that hangs. */
export const startSilentServer = async (t: Test): Promise<SilentServer> => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-silent-'))
  const path = join(directory, 'engine.sock')
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    socket.resume()
  })
  server.listen(path)
  await once(server, 'listening')
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
    await rm(directory, { recursive: true, force: true })
  })
  return { path, open: () => sockets.size }
}
