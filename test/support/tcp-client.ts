/**
 * A program for the namespace of a container: TCP connections to an echo server, by commands on standard input, an answer in JSON for
 * each. `talk ROUNDS` = one connection, so many exchanges, closed again: whether it worked. `hold COUNT` = connections that go on
 * exchanging until the end: how many came up. `datagrams COUNT` = the same with UDP, where a lost one is sent again. `report` = of each held connection the exchanges so far, or -1 when it broke.
 */
import { once } from 'node:events'
import { createSocket } from 'node:dgram'
import { connect, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'

const [host = '', port = ''] = process.argv.slice(2)
const held: { rounds: number }[] = []

const open = async (): Promise<Socket> => {
  const socket = connect({ host, port: Number(port), noDelay: true, timeout: 5_000 })
  socket.on('timeout', () => socket.destroy(new Error('silence')))
  await once(socket, 'connect')
  return socket
}

const exchange = async (socket: Socket): Promise<void> => {
  const answer = once(socket, 'data')
  socket.write('x')
  await answer
}

const commands: Readonly<Record<string, (argument: number) => Promise<unknown>>> = {
  talk: async (rounds) => {
    const socket = await open()
    for (let round = 0; round < rounds; round += 1) await exchange(socket)
    socket.end()
    await once(socket, 'close')
    return true
  },
  hold: async (count) => {
    const sockets = await Promise.all(Array.from({ length: count }, open))
    for (const socket of sockets) {
      const state = { rounds: 0 }
      held.push(state)
      const goOn = async (): Promise<never> => {
        for (;;) {
          await exchange(socket)
          state.rounds += 1
          await delay(20)
        }
      }
      socket.on('close', () => (state.rounds = -1))
      void goOn().catch(() => {
        state.rounds = -1
      })
    }
    return sockets.length
  },
  datagrams: async (count) => {
    for (let index = 0; index < count; index += 1) {
      const socket = createSocket('udp4')
      const state = { rounds: 0 }
      held.push(state)
      const send = (): void => socket.send('x', Number(port), host)
      let again = setInterval(send, 300)
      socket.on('message', () => {
        state.rounds += 1
        clearInterval(again)
        again = setInterval(send, 300)
        setTimeout(send, 20)
      })
      socket.on('error', () => undefined)
      send()
    }
    return count
  },
  report: async () => held.map(({ rounds }) => rounds),
}

for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', argument = '0'] = line.split(' ')
  const result = await commands[name]?.(Number(argument)).catch(() => false)
  process.stdout.write(`${JSON.stringify(result ?? null)}\n`)
}
process.exit()
