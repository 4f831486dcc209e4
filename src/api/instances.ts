import type { FastifyInstance, FastifyReply } from 'fastify'
import { Readable } from 'node:stream'
import { z } from 'zod'
import type { LogLine, LogOptions, LogTarget, Target } from './backend.ts'
import { jsonBody, queryOf } from './body.ts'
import type { ApiContext } from './context.ts'
import { apiRoot } from './paths.ts'
import { ApiError, errorBody } from './errors.ts'
import { diffAnswer } from './objects.ts'
import type { Streams } from './streams.ts'

const count = z.coerce.number().int().min(0).max(1_000_000)
const flag = z.enum(['0', '1', 'true', 'false']).transform((text) => text === '1' || text === 'true')

const target = {
  vnf: z.string().optional(),
  vdu: z.string().optional(),
  copy: count.optional(),
  replica: count.optional(),
}
const logsQuery = z.object({
  ...target,
  script: z.enum(['start', 'stop']).optional(),
  tail: count.optional(),
  follow: flag.default(false),
})
const execBody = z.object({ ...target, command: z.array(z.string().max(65_536)).min(1).max(1024) })

interface Named {
  Params: { name: string }
}

/** What can be asked of one instance beside reading and writing it. */
export const instanceRoutes = (app: FastifyInstance, { backend, log }: ApiContext, streams: Streams): void => {
  const path = `${apiRoot}/instances/:name`

  app.get<Named>(`${path}/diff`, async ({ params }) => diffAnswer(await backend.diff(params.name)))

  for (const [verb, suspended] of [
    ['suspend', true],
    ['resume', false],
  ] as const) {
    app.post<Named>(`${path}/${verb}`, async (request) => {
      request.audit.objects = [`ServiceInstance/${request.params.name}`]
      const { diff: _, ...applied } = await backend.suspend(request.params.name, suspended)
      return applied
    })
  }

  app.post<Named>(`${path}/exec`, async (request, reply) => {
    const { command, ...rest } = jsonBody(request, execBody)
    const where = targetOf(request.params.name, rest)
    request.audit.objects = [`ServiceInstance/${request.params.name}`]
    // Arguments may be secrets: the program's name is enough to know what was done.
    request.audit.exec = { ...rest, program: command[0] }
    return backend.exec(where, command, aborted(reply))
  })

  app.get<Named>(`${path}/logs`, async (request, reply) => {
    const { script, tail, follow, ...rest } = queryOf(request, logsQuery)
    const where: LogTarget = {
      ...targetOf(request.params.name, rest),
      ...(script === undefined ? {} : { script }),
    }
    const slot = streams.enter()
    const signal = AbortSignal.any([aborted(reply), slot.signal])
    const options: LogOptions = { follow, signal, ...(tail === undefined ? {} : { tail }) }
    try {
      const lines = await backend.logs(where, options)
      const failed = (cause: unknown): void => void log.warn('log stream broke', { instance: where.instance, cause })
      const body = Readable.from(asJsonLines(lines, slot.leave, signal, failed), { objectMode: false })
      return await reply.type('application/x-ndjson').send(body)
    } catch (error) {
      slot.leave()
      throw error
    }
  })
}

const targetOf = (instance: string, query: z.output<z.ZodObject<typeof target>>): Target => ({
  instance,
  ...(query.vnf === undefined ? {} : { vnf: query.vnf }),
  ...(query.vdu === undefined ? {} : { vdu: query.vdu }),
  ...(query.copy === undefined ? {} : { copy: query.copy }),
  ...(query.replica === undefined ? {} : { replica: query.replica }),
})

/** Aborts when the connection of this answer closes. */
const aborted = (reply: FastifyReply): AbortSignal => {
  const controller = new AbortController()
  reply.raw.once('close', () => controller.abort())
  return controller.signal
}

/** One JSON object a line; the head is out already when a log breaks, so the error becomes the last line. */
async function* asJsonLines(
  lines: AsyncIterable<LogLine>,
  leave: () => void,
  signal: AbortSignal,
  failed: (cause: unknown) => void,
): AsyncGenerator<Buffer> {
  try {
    for await (const line of lines) {
      if (signal.aborted) return
      yield Buffer.from(`${JSON.stringify(line)}\n`)
    }
  } catch (error) {
    if (signal.aborted) return
    failed(error)
    const told =
      error instanceof ApiError ? error : new ApiError('INTERNAL', 'the log broke off', { next: 'ask again' })
    yield Buffer.from(`${JSON.stringify(errorBody(told))}\n`)
  } finally {
    leave()
  }
}
