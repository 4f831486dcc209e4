import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createServer, request } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect, Socket } from 'node:net'
import { extname } from 'node:path'
import process from 'node:process'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Log } from '../../model/log.ts'

/** For the listener to listen. Milliseconds. */
const listenMs = 20_000

/** The port inside the namespace; nobody else is there to have it. */
const port = 3128

/** How dockerd is told: registries by way of the daemon. Docker's own rule leaves `localhost` out. */
export const uplinkEnvironment: Readonly<Record<string, string>> = {
  HTTP_PROXY: `http://127.0.0.1:${port}`,
  HTTPS_PROXY: `http://127.0.0.1:${port}`,
}

export interface Uplink {
  pid(): number
  stop(): Promise<void>
}

const pipeBothWays = (one: Duplex, other: Duplex): void => {
  const end = (): void => {
    one.destroy()
    other.destroy()
  }
  one.on('error', end).on('close', end)
  other.on('error', end).on('close', end)
  one.pipe(other).pipe(one)
}

/** `host:port`, the host perhaps an IPv6 address in brackets. */
const addressOf = (authority: string): { host: string; port: number } | undefined => {
  const [, host = '', digits = ''] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(authority) ?? []
  return host === '' ? undefined : { host, port: Number(digits) }
}

/** Tunnels, for HTTPS. A proxy that the daemon itself is told to use answers in our place. */
const tunnel = (upstream: URL | undefined) => (asked: IncomingMessage, client: Duplex, head: Buffer) => {
  const authority = asked.url ?? ''
  const target =
    upstream === undefined ? addressOf(authority) : { host: upstream.hostname, port: Number(upstream.port || '80') }
  if (target === undefined) {
    client.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    return
  }
  const server = connect(target)
  const refused = (): void => void client.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
  client.once('error', () => server.destroy())
  server.once('error', refused)
  server.once('connect', () => {
    server.off('error', refused)
    if (upstream === undefined) client.write('HTTP/1.1 200 Connection established\r\n\r\n')
    else {
      const login = decodeURIComponent(`${upstream.username}:${upstream.password}`)
      const allowed = login === ':' ? '' : `Proxy-Authorization: Basic ${Buffer.from(login).toString('base64')}\r\n`
      server.write(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${allowed}\r\n`)
    }
    server.write(head)
    pipeBothWays(client, server)
  })
}

/** Plain requests, for registries without TLS. */
const forward = (asked: IncomingMessage, answer: ServerResponse): void => {
  const url = URL.canParse(asked.url ?? '') ? new URL(asked.url ?? '') : undefined
  if (url?.protocol !== 'http:') {
    answer.writeHead(400).end()
    return
  }
  const onward = request(url, { method: asked.method, headers: asked.headers, agent: false }, (response) => {
    answer.writeHead(response.statusCode ?? 502, response.headers)
    response.pipe(answer)
  })
  onward.on('error', () => {
    if (answer.headersSent) answer.destroy()
    else answer.writeHead(502).end()
  })
  asked.pipe(onward)
}

const proxyOf = (env: NodeJS.ProcessEnv): URL | undefined => {
  const text = env['HTTPS_PROXY'] ?? env['https_proxy'] ?? ''
  return URL.canParse(text) ? new URL(text) : undefined
}

/**
 * Lets dockerd, which has no network but its own namespace's, fetch images: a process in the namespace accepts connections
 * and hands them to this one, which makes the connections onward from the host's network. Nothing on the host is changed for it.
 */
export const startUplink = async (through: readonly string[], log: Log, signal?: AbortSignal): Promise<Uplink> => {
  const { env } = process
  const sockets = new Set<Socket>()
  const proxy = createServer(forward)
  proxy.on('connect', tunnel(proxyOf(env)))
  proxy.on('clientError', (_, socket) => socket.destroy())

  const listener = fileURLToPath(new URL(`./uplink-listener${extname(import.meta.url)}`, import.meta.url))
  const [nsenter = '', ...rest] = through
  const stopped = new AbortController()
  let child: ChildProcess | undefined

  const start = (): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<undefined>()
    const started = spawn(nsenter, [...rest, process.execPath, listener, String(port)], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      detached: true, // a terminal's Ctrl-C is for the daemon to see to
      env: { PATH: env['PATH'] ?? '' },
    })
    child = started
    started.on('message', (message, socket) => {
      if (socket instanceof Socket) {
        sockets.add(socket)
        socket.on('error', () => undefined).once('close', () => sockets.delete(socket))
        proxy.emit('connection', socket)
        socket.resume()
      } else if (typeof message === 'object' && 'failed' in message) reject(new Error(String(message.failed)))
      else resolve(undefined)
    })
    started.once('error', (error) => {
      reject(error)
      // One that could not be started has no exit either.
      if (started.pid === undefined && !stopped.signal.aborted) void again()
    })
    started.once('exit', () => {
      reject(new Error('the listener ended'))
      if (!stopped.signal.aborted) void again()
    })
    // Until it listens, whoever starts the engines waits for it, not for ever; then it holds nobody.
    const end = (): void => void started.kill('SIGKILL')
    const timer = setTimeout(end, listenMs)
    if (signal?.aborted === true) end()
    signal?.addEventListener('abort', end, { once: true })
    return promise.finally(() => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      started.unref()
      started.channel?.unref()
    })
  }
  const tryStart = (): Promise<void> =>
    start().catch((error: unknown) => void log.warn('images cannot be fetched from registries', { error }))
  const again = async (): Promise<void> => {
    await delay(1_000, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined)
    if (!stopped.signal.aborted) await tryStart()
  }

  await tryStart()
  return {
    pid: () => child?.pid ?? 0,
    stop: async () => {
      stopped.abort()
      for (const socket of sockets) socket.destroy()
      const last = child
      if (last?.exitCode !== null || last.signalCode !== null) return // it has ended
      last.ref()
      const ended = new Promise((resolve) => last.once('exit', resolve))
      last.kill('SIGKILL')
      await ended
    },
  }
}
