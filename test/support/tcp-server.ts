/** A program for the namespace of a container: an echo server. */
import { createServer } from 'node:net'

const server = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.pipe(socket)
})
server.listen(Number(process.argv[2]), '0.0.0.0', () => process.stdout.write('listening\n'))
