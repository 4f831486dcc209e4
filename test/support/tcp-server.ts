/** A program for the namespace of a container: an echo server, TCP and UDP. */
import { createSocket } from 'node:dgram'
import { createServer } from 'node:net'

const port = Number(process.argv[2])

const datagrams = createSocket('udp4')
datagrams.on('message', (message, { port: from, address }) => datagrams.send(message, from, address))
datagrams.bind(port)

const server = createServer((socket) => {
  socket.on('error', () => undefined)
  socket.pipe(socket)
})
server.listen(port, '0.0.0.0', () => process.stdout.write('listening\n'))
