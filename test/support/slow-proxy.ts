/**
 * A program for a network namespace: passes TCP connections on to another port of loopback, and what comes back no faster than so many
 * bytes a second. Arguments: port to listen on, port to pass on to, bytes a second.
 */
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'

const [own = '', target = '', rate = ''] = process.argv.slice(2)
const host = '127.0.0.1'
/** Milliseconds between two portions. */
const beat = 50
const portion = (Number(rate) * beat) / 1000

const trickle = async (from: Socket, to: Socket): Promise<void> => {
  // Node's types give chunks of any kind; without an encoding they are buffers.
  for await (const chunk of from as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += portion) {
      to.write(chunk.subarray(at, at + portion))
      if (chunk.length > 1024) await delay(beat)
    }
  }
  to.end()
}

createServer((client) => {
  const server = connect(Number(target), host)
  for (const socket of [client, server]) socket.on('error', () => socket.destroy())
  client.pipe(server)
  client.on('close', () => server.destroy())
  void trickle(server, client).catch(() => client.destroy())
}).listen(Number(own), host, () => process.stdout.write('listening\n'))
