import type { FastifyInstance } from 'fastify'
import { Histogram, type Registry } from 'prom-client'

export interface RequestMetrics {
  watch(app: FastifyInstance): void
}

/** Duration and number of requests by route (the pattern, so that names make no new series), method and status. */
export const createRequestMetrics = (registry: Registry): RequestMetrics => {
  const seconds = new Histogram({
    name: 'sond_http_request_duration_seconds',
    help: 'Time from the head of a request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
    registers: [registry],
  })
  return {
    watch(app) {
      app.addHook('onResponse', async (request, reply) => {
        const route = request.routeOptions.url ?? 'none'
        seconds.observe({ method: request.method, route, status: String(reply.statusCode) }, reply.elapsedTime / 1000)
      })
    },
  }
}
