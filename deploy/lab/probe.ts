// Runs in a container's network (nsenter): one HTTP exchange every INTERVAL ms, whether or not the ones before have ended. Prints a line for
// each: when it began, when it ended (both in ms of CLOCK_MONOTONIC), and 1 when data came back or 0.
//
//   node probe.ts ADDRESS PORT
import { connect } from 'node:net'
import { PATIENCE } from './patience.ts'
import { now } from './run.ts'

const INTERVAL = 20

const [address = '', port = ''] = process.argv.slice(2)

const attempt = (): void => {
  const begun = now()
  const socket = connect({ host: address, port: Number(port) })
  let ended = false
  const end = (worked: boolean): void => {
    if (ended) return
    ended = true
    socket.destroy()
    process.stdout.write(`${begun} ${now()} ${worked ? 1 : 0}\n`)
  }
  socket.setTimeout(PATIENCE, () => end(false))
  socket.once('connect', () => socket.write('GET / HTTP/1.0\r\n\r\n'))
  socket.once('data', () => end(true))
  socket.on('error', () => end(false))
  socket.once('close', () => end(false))
}

process.stdout.on('error', () => process.exit(0))
setInterval(attempt, INTERVAL)
