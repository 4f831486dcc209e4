import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'
import type { Log } from '../model/log.ts'
import type { ListenAddress } from './address.ts'
import type { Backend } from './backend.ts'
import { defaultLimits, type ApiContext, type GatekeeperSettings, type Limits } from './context.ts'
import { planListener, prepareSocket, restrictSocket, type Listener } from './listeners.ts'
import { createRequestMetrics } from './request-metrics.ts'
import { buildServer } from './server.ts'
import { clearUploads } from './upload.ts'
import { createServices } from './services.ts'

export interface ApiOptions {
  readonly backend: Backend
  /** `unix:PATH` or `tcp:HOST:PORT` (port 0 = any free one). */
  readonly listeners: readonly string[]
  /** Bearer token for TCP; `loadToken` reads it from its file. */
  readonly token?: string | undefined
  /** TCP on loopback without a token. */
  readonly insecureNoAuth?: boolean
  readonly version: string
  readonly log: Log
  readonly metrics: Registry
  /** For packages while they arrive; on the file system of the watched directory a rename takes them in. */
  readonly uploadDirectory: string
  readonly gatekeeper?: Partial<GatekeeperSettings>
  readonly limits?: Partial<Limits>
  /** Group that may use the unix sockets, where the machine has it. */
  readonly group?: string
}

export interface Api {
  /** Opens every listener, or none: gives the addresses as they are (a chosen port is filled in). */
  listen(): Promise<readonly ListenAddress[]>
  /** Ends streams and connections, and removes the sockets. */
  close(): Promise<void>
}

/** Throws at once when a listener is wrong or would let anybody in. */
export const createApi = (options: ApiOptions): Api => {
  const access = { token: options.token, insecureNoAuth: options.insecureNoAuth ?? false }
  const listeners = options.listeners.map((text) => planListener(text, access))
  const context: ApiContext = {
    backend: options.backend,
    services: createServices(options.backend),
    version: options.version,
    log: options.log,
    metrics: options.metrics,
    uploadDirectory: options.uploadDirectory,
    gatekeeper: { autoDeploy: false, autoDelete: false, waitMs: 300_000, ...options.gatekeeper },
    limits: { ...defaultLimits, ...options.limits },
  }
  const requests = createRequestMetrics(options.metrics)
  const servers: FastifyInstance[] = []
  const close = async (): Promise<void> => {
    await Promise.all(servers.splice(0).map((server) => server.close()))
  }

  return {
    async listen() {
      const addresses: ListenAddress[] = []
      await clearUploads(context.uploadDirectory)
      try {
        for (const listener of listeners) {
          const server = await buildServer(context, listener, requests)
          servers.push(server)
          addresses.push(await open(server, listener, options.group ?? 'sond'))
        }
      } catch (error) {
        await close()
        throw error
      }
      return addresses
    },
    close,
  }
}

const open = async (server: FastifyInstance, { address }: Listener, group: string): Promise<ListenAddress> => {
  if (address.kind === 'unix') {
    await prepareSocket(address.path)
    await server.listen({ path: address.path })
    await restrictSocket(address.path, group)
    return address
  }
  await server.listen({ host: address.host, port: address.port })
  const bound = server.server.address()
  return typeof bound === 'object' && bound !== null ? { ...address, port: bound.port } : address
}
