import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Log } from '../model/log.ts'

/** What a handler adds to the audit line of its request. */
export interface AuditNotes {
  objects?: readonly string[]
  exec?: Readonly<Record<string, unknown>>
  upload?: Readonly<Record<string, unknown>>
  error?: { readonly code: string; readonly message: string }
}

declare module 'fastify' {
  interface FastifyRequest {
    audit: AuditNotes
  }
}

const isRead = ({ method }: FastifyRequest): boolean => method === 'GET' || method === 'HEAD' || method === 'OPTIONS'

/** One line for every change that was asked, whether it was granted or not. Bodies and headers stay out of it. */
export const auditRequests = (app: FastifyInstance, listener: string, log: Log): void => {
  app.decorateRequest('audit')
  app.addHook('onRequest', async (request) => {
    request.audit = {}
  })
  app.addHook('onResponse', async (request, reply) => {
    if (isRead(request)) return
    log.info('change asked through the api', {
      audit: true,
      method: request.method,
      path: request.url.split('?', 1)[0],
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
      listener,
      // Empty on a unix socket: whoever could open it is root or in its group.
      peer: request.raw.socket.remoteAddress ?? '',
      agent: request.headers['user-agent'] ?? '',
      ...request.audit,
    })
  })
}
