import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
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

/** Writes the audit lines of one listener. */
export interface Audit {
  /** One line for every change that is asked of these routes, whether it is granted or not. */
  watch(app: FastifyInstance): void
  /** The line of a request that comes to no route and no hook, such as one whose path cannot be decoded. */
  note(request: FastifyRequest, reply: FastifyReply, notes: AuditNotes): void
}

/** Bodies and headers stay out of the lines. */
export const createAudit = (listener: string, log: Log): Audit => {
  const note: Audit['note'] = (request, reply, notes) => {
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
      ...notes,
    })
  }
  return {
    note,
    watch(app) {
      app.decorateRequest('audit')
      app.addHook('onRequest', async (request) => {
        request.audit = {}
      })
      // Not when the answer is out: whoever asks and hangs up never gets it, and the change is made all the same.
      app.addHook('onSend', async (request, reply) => note(request, reply, request.audit))
    },
  }
}
