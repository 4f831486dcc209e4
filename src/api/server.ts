import fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Socket } from 'node:net'
import { createAudit } from './audit.ts'
import type { ApiContext, Limits } from './context.ts'
import { leaveBody } from './body.ts'
import { dashboardRoutes } from './dashboard.ts'
import { apiRoot } from './paths.ts'
import { ApiError, apiErrors, errorBody, type ApiErrorCode } from './errors.ts'
import { gatekeeperRoutes, gatekeeperUploads } from './gatekeeper.ts'
import { refusal } from './guard.ts'
import { healthRoutes } from './health.ts'
import { instanceRoutes } from './instances.ts'
import { describeListener, type Listener } from './listeners.ts'
import type { RequestMetrics } from './request-metrics.ts'
import { objectRoutes } from './objects.ts'
import { pruneRoutes } from './prune.ts'
import { eventRoutes } from './stream.ts'
import { createStreams } from './streams.ts'
import { announcedBytes, mostAnnounced, packageRoutes, uploadScope } from './upload.ts'

const MAX_HEADER_BYTES = 16 * 1024
const MAX_HEADERS = 64
const MAX_NAME = 1024
const KEEP_ALIVE_MS = 10_000
// An upload is bounded by its own stall time-out; this one ends a sender of one byte now and then.
const LONGEST_REQUEST_MS = 30 * 60_000

/** One server with all routes, not yet listening. */
export const buildServer = async (
  context: ApiContext,
  listener: Listener,
  requests: RequestMetrics,
): Promise<FastifyInstance> => {
  const { limits, log } = context
  const audit = createAudit(describeListener(listener), log)
  const app: FastifyInstance = fastify({
    logger: false,
    bodyLimit: limits.bodyBytes,
    routerOptions: { maxParamLength: MAX_NAME },
    requestTimeout: LONGEST_REQUEST_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    forceCloseConnections: true,
    exposeHeadRoutes: false,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: limits.receiveMs,
      connectionsCheckingInterval: Math.min(limits.receiveMs, 5000),
    },
    clientErrorHandler: answerBrokenRequest,
    frameworkErrors: (error, request, reply) => {
      const told = translate(error)
      sendError(reply, told)
      audit.note(request, reply, { error: { code: told.code, message: told.message } })
    },
  })
  app.server.maxConnections = limits.connections
  app.server.maxHeadersCount = MAX_HEADERS
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  audit.watch(app)
  requests.watch(app)
  guard(app, listener, limits)
  app.setErrorHandler<FastifyError | ApiError>((error, request, reply) => fail(error, request, reply, context))
  app.setNotFoundHandler((request, reply) =>
    sendError(
      reply,
      new ApiError('NOT_FOUND', `no ${request.method} ${request.url.split('?', 1)[0] ?? ''}`, {
        next: `GET ${apiRoot} lists what there is`,
      }),
    ),
  )

  const streams = createStreams(limits.streams)
  app.addHook('preClose', async () => streams.close())
  healthRoutes(app, context)
  await dashboardRoutes(app)
  objectRoutes(app, context)
  instanceRoutes(app, context, streams)
  eventRoutes(app, context, streams)
  pruneRoutes(app, context)
  gatekeeperRoutes(app, context)
  await uploadScope(app, context, (scope, onboard) => {
    packageRoutes(scope, onboard)
    gatekeeperUploads(scope, onboard, context)
  })
  return app
}

/** Who may not ask is told so before anything is read of the body; a body that does not arrive ends the connection. */
const guard = (app: FastifyInstance, { policy }: Listener, { receiveMs, packageBytes }: Limits): void => {
  // Who asks before sending a body (curl does, of large ones) is told to send it only when it is going to be read: a refusal that crosses
  // a body on its way may be lost with the connection.
  app.server.on('checkContinue', (request, response) => app.server.emit('request', request, response))
  app.addHook('onRequest', async (request, reply) => {
    void reply.headers({ 'x-content-type-options': 'nosniff', 'cache-control': 'no-store' })
    const { method, headers } = request
    const refused = refusal({ method, headers, path: request.url.split('?', 1)[0] ?? '' }, policy)
    if (refused !== undefined) throw refused
  })
  app.addHook('preParsing', async (request, reply, payload) => {
    const isAwaited = request.headers.expect?.toLowerCase() === '100-continue'
    if (isAwaited && announcedBytes(request) <= mostAnnounced(packageBytes)) reply.raw.writeContinue()
    const timer = setTimeout(() => request.raw.destroy(), receiveMs)
    const stop = (): void => clearTimeout(timer)
    // Uploads have read nothing yet when parsing "ends": their own time-out takes over there.
    payload.once('end', stop)
    reply.raw.once('close', stop)
    request.bodyTimer = stop
    return payload
  })
  app.addHook('preValidation', async (request) => request.bodyTimer())
  app.decorateRequest('bodyTimer')
}

declare module 'fastify' {
  interface FastifyRequest {
    bodyTimer: () => void
  }
}

const fail = (
  error: FastifyError | ApiError,
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiContext,
): void => {
  const told = error instanceof ApiError ? error : translate(error)
  request.audit.error = { code: told.code, message: told.message }
  leaveBody(request, reply)
  if (told.code === 'INTERNAL')
    context.log.error('request failed', { method: request.method, path: request.url.split('?', 1)[0], cause: error })
  sendError(reply, told)
}

const sendError = (reply: FastifyReply, error: ApiError): void => {
  if (error.code === 'UNAUTHORIZED') void reply.header('www-authenticate', 'Bearer realm="sond"')
  void reply.code(apiErrors[error.code]).type('application/json; charset=utf-8').send(errorBody(error))
}

const codeOfStatus: Readonly<Record<number, ApiErrorCode>> = {
  400: 'BAD_REQUEST',
  404: 'NOT_FOUND',
  405: 'METHOD_NOT_ALLOWED',
  406: 'UNSUPPORTED_MEDIA_TYPE',
  413: 'TOO_LARGE',
  414: 'BAD_REQUEST',
  415: 'UNSUPPORTED_MEDIA_TYPE',
  503: 'UNAVAILABLE',
}

/** Errors of the framework are about the request; everything else is ours and keeps its text to the log. */
const translate = (error: FastifyError): ApiError => {
  const code = error.statusCode === undefined ? undefined : codeOfStatus[error.statusCode]
  if (code !== undefined) return new ApiError(code, error.message, { cause: error, next: 'mend the request' })
  return new ApiError('INTERNAL', 'the daemon failed at this request', {
    cause: error,
    next: "its log tells why: journalctl -u sond, or what 'sond run' printed",
  })
}

/** A request that is no HTTP, is too slow or has too large headers: there is no reply object for those. */
const answerBrokenRequest = (error: Error & { code: string }, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const [status, text, told] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? ['431', 'Request Header Fields Too Large', new ApiError('HEADERS_TOO_LARGE', 'the headers are too large')]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? ['408', 'Request Timeout', new ApiError('TIMEOUT', 'the request did not arrive in time')]
        : ['400', 'Bad Request', new ApiError('BAD_REQUEST', 'this is not an HTTP request')]
  const body = JSON.stringify(errorBody(told))
  const head = `HTTP/1.1 ${status} ${text}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n`
  if (socket.writable) socket.write(head + body)
  socket.destroySoon()
}
