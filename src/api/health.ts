import type { FastifyInstance } from 'fastify'
import type { Readiness } from './backend.ts'
import type { ApiContext } from './context.ts'

export interface ReadinessAnswer extends Readiness {
  /** The checks in one line. */
  readonly message: string
}

const readinessLine = ({ ready, checks }: Readiness): string => {
  const failing = checks.filter(({ ok }) => !ok)
  if (ready) return 'ready'
  return `not ready: ${failing.map(({ name, message }) => `${name}: ${message}`).join('; ') || 'starting'}`
}

/** Probes, metrics and the version: for machines, outside the versioned API. */
export const healthRoutes = (app: FastifyInstance, { backend, metrics, version }: ApiContext): void => {
  // Some probes ask with HEAD.
  app.get('/healthz', { exposeHeadRoute: true }, (_request, reply) =>
    reply.type('text/plain; charset=utf-8').send('ok\n'),
  )

  app.get('/readyz', { exposeHeadRoute: true }, async (request, reply) => {
    const readiness = await backend.ready()
    const message = readinessLine(readiness)
    void reply.code(readiness.ready ? 200 : 503)
    if (/^text\/plain\b/.test(request.headers.accept ?? '')) {
      return reply.type('text/plain; charset=utf-8').send(`${message}\n`)
    }
    return { ...readiness, message } satisfies ReadinessAnswer
  })

  app.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()))

  app.get('/version', () => ({ version }))
}
