import { connect, type NetConnectOpts } from 'node:net'
import { EngineError } from '../../model/errors.ts'
import { createJsonSplitter } from './json-stream.ts'
import { isObject } from './notation.ts'

/** One connection to an OVSDB server: JSON-RPC 1.0 over a stream (RFC 7047 §4). Requests are matched to answers by id. */
export interface Connection {
  /**
   * Rejects with `TIMEOUT`, with `UNAVAILABLE` when the connection breaks, with `CANCELLED` when the signal of the connection aborts, with
   * `REFUSED` when the server answers an error.
   */
  request(method: string, params: readonly unknown[]): Promise<unknown>
  close(): void
}

export interface ConnectionOptions {
  /** `unix:PATH` or `tcp:HOST:PORT`. */
  readonly endpoint: string
  readonly timeoutMs: number
  /** A connection that is silent this long is asked for an echo, and closed when none comes as long again. */
  readonly probeMs: number
  /** Ends it, and what is asked over it. */
  readonly signal: AbortSignal
  onNotification(method: string, params: readonly unknown[]): void
  /** Once, when it breaks or is closed; not when it never opened. */
  onClose(reason: string): void
}

/** @throws EngineError `UNAVAILABLE` when the text is no endpoint. */
export const parseEndpoint = (endpoint: string): NetConnectOpts => {
  const unix = /^unix:(.+)$/.exec(endpoint)?.[1]
  if (unix !== undefined) return { path: unix }
  const [, host, port] = /^tcp:\[?([^\]]+?)\]?:(\d{1,5})$/.exec(endpoint) ?? []
  if (host !== undefined && port !== undefined) return { host, port: Number(port) }
  throw new EngineError('UNAVAILABLE', { ovsdb: endpoint, expected: 'unix:PATH or tcp:HOST:PORT' })
}

interface Pending {
  readonly resolve: (result: unknown) => void
  readonly reject: (error: EngineError) => void
  readonly timer: NodeJS.Timeout
}

/** Resolves when the connection is open. */
export const openConnection = (options: ConnectionOptions): Promise<Connection> =>
  new Promise((resolveOpen, rejectOpen) => {
    const { endpoint, timeoutMs, probeMs, signal } = options
    const socket = connect(parseEndpoint(endpoint))
    const splitter = createJsonSplitter()
    const pending = new Map<number, Pending>()
    let nextId = 0
    let opened = false
    let reason = 'closed'
    let silent = false // nothing has come since the last probe

    const broken = (): EngineError =>
      signal.aborted
        ? new EngineError('CANCELLED', { ovsdb: endpoint })
        : new EngineError('UNAVAILABLE', { ovsdb: endpoint, reason })

    const end = (): void => void socket.destroy()
    if (signal.aborted) end()
    signal.addEventListener('abort', end, { once: true })

    const send = (message: unknown): void => void socket.write(JSON.stringify(message))

    const request: Connection['request'] = (method, params) =>
      new Promise((resolve, reject) => {
        if (socket.destroyed) {
          reject(broken())
          return
        }
        nextId += 1
        const id = nextId
        const timer = setTimeout(() => {
          pending.delete(id)
          reject(new EngineError('TIMEOUT', { ovsdb: endpoint, call: method, after: `${timeoutMs} ms` }))
        }, timeoutMs)
        pending.set(id, { resolve, reject, timer })
        send({ id, method, params })
      })

    const receive = (text: string): void => {
      const message: unknown = JSON.parse(text)
      if (!isObject(message)) throw new SyntaxError('a message that is not an object')
      const { id, method, params, result, error } = message
      if (typeof method === 'string') {
        if (method === 'echo') send({ id, result: params, error: null })
        else options.onNotification(method, Array.isArray(params) ? params : [])
        return
      }
      const call = typeof id === 'number' ? pending.get(id) : undefined
      if (call === undefined || typeof id !== 'number') return // an answer that came after its time-out
      pending.delete(id)
      clearTimeout(call.timer)
      if (error === null || error === undefined) call.resolve(result)
      else call.reject(new EngineError('REFUSED', { ovsdb: endpoint, error: JSON.stringify(error) }))
    }

    const probe = setInterval(() => {
      if (silent) {
        reason = `no echo within ${probeMs} ms`
        socket.destroy()
        return
      }
      silent = true
      request('echo', []).catch(() => undefined) // the next turn of the timer judges
    }, probeMs)
    probe.unref()
    const openTimer = setTimeout(() => socket.destroy(new Error(`not open after ${timeoutMs} ms`)), timeoutMs)

    socket.on('connect', () => {
      clearTimeout(openTimer)
      opened = true
      resolveOpen({ request, close: () => socket.destroy() })
    })
    socket.on('data', (chunk: Buffer) => {
      silent = false
      try {
        for (const text of splitter.push(chunk)) receive(text)
      } catch (error) {
        reason = `not JSON-RPC: ${String(error)}`
        socket.destroy()
      }
    })
    socket.on('error', (error) => {
      reason = error.message
    })
    socket.on('close', () => {
      clearInterval(probe)
      clearTimeout(openTimer)
      signal.removeEventListener('abort', end)
      const error = broken()
      for (const call of pending.values()) {
        clearTimeout(call.timer)
        call.reject(error)
      }
      pending.clear()
      if (opened) options.onClose(reason)
      else rejectOpen(error)
    })
  })
