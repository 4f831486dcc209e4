import { createServer } from 'node:net'
import process from 'node:process'

// Run by uplink.ts inside the engines' namespace: accepts connections there and hands each to the daemon, which is outside.
// Arguments: the port. Ends with the daemon, whose end closes the channel.

const port = Number(process.argv[2])

const server = createServer({ pauseOnConnect: true }, (socket) => {
  socket.on('error', () => undefined)
  process.send?.('connection', socket)
})
server.on('error', (error) => {
  process.send?.({ failed: error.message })
  process.exitCode = 1
  process.disconnect()
})
server.listen(port, '127.0.0.1', () => {
  process.send?.({ listening: true })
})
process.on('disconnect', () => {
  process.exit()
})
