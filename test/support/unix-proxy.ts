import { createConnection, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** Passes a Unix socket on to another one, and counts who came. Ends with the test. */
export const startUnixProxy = async (t: Test, path: string, target: string): Promise<() => number> => {
  let connections = 0
  const open = new Set<Socket>()
  const server = createServer((client) => {
    connections += 1
    const onward = createConnection(target)
    for (const [from, to] of [
      [client, onward],
      [onward, client],
    ] as const) {
      open.add(from)
      from.pipe(to)
      from.on('error', () => to.destroy())
      from.on('close', () => open.delete(from))
    }
  })
  await new Promise<void>((resolve) => void server.listen(path, resolve))
  t.teardown(() => {
    for (const socket of open) socket.destroy()
    server.close()
  })
  return () => connections
}
