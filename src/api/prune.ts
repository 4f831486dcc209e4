import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { jsonBody } from './body.ts'
import type { ApiContext } from './context.ts'
import { apiRoot } from './paths.ts'
import { ApiError } from './errors.ts'

const body = z.object({ confirm: z.boolean().default(false) })

/** Deletions held back by `maxPrunePercent`: `GET` lists them, `POST {"confirm": true}` lets them happen. */
export const pruneRoutes = (app: FastifyInstance, { backend }: ApiContext): void => {
  app.get(`${apiRoot}/prune`, async () => ({ items: await backend.pendingPrune() }))
  app.post(`${apiRoot}/prune`, async (request) => {
    if (!jsonBody(request, body).confirm) {
      throw new ApiError('BAD_REQUEST', 'pruning must be confirmed', { next: 'send {"confirm": true}' })
    }
    const items = await backend.confirmPrune()
    request.audit.objects = items.map(({ kind, name }) => `${kind}/${name}`)
    return { items }
  })
}
