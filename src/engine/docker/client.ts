import { Agent, type ClientRequest } from 'node:http'
import { inspect } from 'node:util'
import Docker from 'dockerode'
import type { ImageInspectInfo } from 'dockerode'
import { EngineError } from '../../model/errors.ts'
import { pongOf } from './answers.ts'
import { toEngineError } from './errors.ts'
import type { Purpose } from './errors.ts'

export interface CallOptions {
  /** What the call is about, for the message. */
  readonly about?: Readonly<Record<string, string>>
  readonly purpose?: Purpose
  /** Milliseconds; that of the client where absent. */
  readonly timeout?: number
  readonly signal?: AbortSignal
}

export interface DockerClient {
  readonly docker: Docker
  /** Runs one call with a time-out; whatever goes wrong comes out as an `EngineError`. */
  call<T>(work: (signal: AbortSignal) => Promise<T>, options?: CallOptions): Promise<T>
  /** As dockerode's, which cannot be ended. */
  inspectImage(image: string, signal: AbortSignal): Promise<ImageInspectInfo>
  /** Rejects with UNAVAILABLE or TIMEOUT. */
  ping(timeoutMs?: number): Promise<void>
  /** Aborted by `close`. */
  readonly closing: AbortSignal
  /** Ends every call that is under way. */
  close(): void
}

/** `unix:///path`, `tcp://host:port`, `http://host:port`, or a bare path. */
const dockerOptions = (url: string): Docker.DockerOptions => {
  if (url.startsWith('unix:')) return { socketPath: url.replace(/^unix:(?:\/\/)?/, '') }
  if (url.startsWith('/')) return { socketPath: url }
  const { hostname, port, protocol } = new URL(url)
  return { host: hostname, port: port === '' ? 2375 : Number(port), protocol: protocol === 'https:' ? 'https' : 'http' }
}

/** As the system says it of a socket. */
const cutShort = (): Error =>
  Object.assign(new Error('the connection ended in the middle of its answer'), { code: 'ECONNRESET' })

/** What Node's agents do with each request. Its types leave it out. */
interface Requests {
  addRequest(request: ClientRequest, ...rest: readonly unknown[]): void
}

/** docker-modem waits for the end of an answer, which never comes of one that is cut short: that must be an error of the request. */
const refuseCutAnswers = (agent: Agent): void => {
  const requests = agent as unknown as Requests // what it is, whatever the types say
  const add = requests.addRequest.bind(agent)
  requests.addRequest = (request, ...rest) => {
    request.once('response', (response) => {
      response.once('close', () => {
        if (!response.complete) request.emit('error', cutShort())
      })
    })
    add(request, ...rest)
  }
}

export const createClient = (url: string, timeoutMs: number): DockerClient => {
  // A connection per call costs 0.1 ms on a Unix socket; one that is kept breaks when the engine is restarted.
  // docker-modem prints its options to the last depth at every call, for a debug output that is off: 10 ms for an agent in use.
  const agent = Object.assign(new Agent({ keepAlive: false }), { [inspect.custom]: () => 'Agent' })
  refuseCutAnswers(agent)
  const settings = { ...dockerOptions(url), agent }
  const docker = new Docker(settings)
  // Its types leave the options out.
  const ping: (options: { abortSignal: AbortSignal }) => Promise<unknown> = docker.ping.bind(docker)
  const inspectImage: DockerClient['inspectImage'] = (image, abortSignal) =>
    new Promise((resolve, reject) => {
      const statusCodes = { 200: true, 404: 'no such image', 500: 'server error' }
      const request = { path: `/images/${image}/json`, method: 'GET', options: {}, abortSignal, statusCodes }
      docker.modem.dial(request, (error: unknown, answer: unknown) => {
        if (error === null || error === undefined)
          resolve(answer as ImageInspectInfo) // what Docker answers there
        else reject(error instanceof Error ? error : new Error('no answer', { cause: error }))
      })
    })
  const underWay = new Set<AbortController>()
  const closing = new AbortController()

  const call: DockerClient['call'] = async (work, { about = {}, purpose, timeout = timeoutMs, signal } = {}) => {
    if (closing.signal.aborted) throw new EngineError('CANCELLED', about)
    const controller = new AbortController()
    const abort = (): void => controller.abort(new EngineError('CANCELLED', about))
    signal?.addEventListener('abort', abort, { once: true })
    if (signal?.aborted === true) abort()
    const timer = setTimeout(
      () => controller.abort(new EngineError('TIMEOUT', { docker: url, ...about, after: `${timeout} ms` })),
      timeout,
    )
    underWay.add(controller)
    try {
      // dockerode does not settle in every case where its request is aborted.
      const aborted = new Promise<never>((_, reject) => {
        controller.signal.addEventListener('abort', () => reject(toEngineError(controller.signal.reason, about)), {
          once: true,
        })
      })
      controller.signal.throwIfAborted()
      return await Promise.race([work(controller.signal), aborted])
    } catch (error) {
      throw toEngineError(error, about, purpose)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', abort)
      underWay.delete(controller)
    }
  }

  return {
    docker,
    call,
    inspectImage,
    closing: closing.signal,
    ping: async (timeout = timeoutMs) => {
      await call((abortSignal) => pongOf(ping({ abortSignal })), { timeout, about: { docker: url } })
    },
    close: () => {
      closing.abort()
      for (const controller of underWay) controller.abort(new EngineError('CANCELLED', {}))
    },
  }
}
