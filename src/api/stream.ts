import type { FastifyInstance, FastifyReply } from 'fastify'
import { z } from 'zod'
import type { EventRecord } from '../model/status.ts'
import type { Backend, Change, EventFilter } from './backend.ts'
import { queryOf } from './body.ts'
import type { ApiContext } from './context.ts'
import { apiRoot } from './paths.ts'
import { ApiError } from './errors.ts'
import { parseObjectReference } from './kinds.ts'
import type { Streams } from './streams.ts'

const query = z.object({
  watch: z.enum(['0', '1', 'true', 'false']).optional(),
  /** `instance/demo`: that object alone. */
  for: z.string().optional(),
  /** What a watch sends; both when absent. */
  only: z.enum(['events', 'objects']).optional(),
})

type Query = z.output<typeof query>

// Proxies and clients take a silent connection for a dead one.
const KEEP_ALIVE_MS = 15_000
// A reader that is this many bytes behind is let go: it may come back and read what is true then.
const LONGEST_BACKLOG = 4 * 1024 * 1024

/** `GET /events`: a list, or with `watch=1` a stream of server-sent events (HTML standard, section 9.2). */
export const eventRoutes = (app: FastifyInstance, { backend }: ApiContext, streams: Streams): void => {
  app.get(`${apiRoot}/events`, async (request, reply) => {
    const asked = queryOf(request, query)
    const filter = filterOf(asked.for)
    if (asked.watch === '1' || asked.watch === 'true') return watch(backend, filter, asked.only, reply, streams)
    return { items: await backend.events(filter) }
  })
}

const filterOf = (text: string | undefined): EventFilter => {
  if (text === undefined) return {}
  const { kind, name } = parseObjectReference(text)
  if (kind === undefined) {
    throw new ApiError('BAD_REQUEST', `for=${text} names no kind`, { next: 'write for=instance/NAME' })
  }
  return name === undefined ? { kind } : { kind, name }
}

/**
 * Sends what is there (events), then `SYNC`, then everything that changes. A client that reads an object after SYNC and
 * follows the stream from there misses nothing.
 */
const watch = async (
  backend: Backend,
  filter: EventFilter,
  only: Query['only'],
  reply: FastifyReply,
  streams: Streams,
): Promise<FastifyReply> => {
  const slot = streams.enter()
  const waiting: Change[] = []
  let send = (change: Change): void => void waiting.push(change)
  const unsubscribe = backend.subscribe((change) => {
    if (isWanted(change, filter, only)) send(change)
  })
  const end = (): void => {
    unsubscribe()
    slot.leave()
  }
  let past: readonly EventRecord[]
  try {
    past = only === 'objects' ? [] : await backend.events(filter)
  } catch (error) {
    end()
    throw error
  }

  reply.hijack()
  const { raw } = reply
  const write = (type: string, data: unknown): void => {
    if (raw.writableLength > LONGEST_BACKLOG) raw.destroy()
    else raw.write(`event: ${type}\ndata: ${JSON.stringify(data)}\n\n`)
  }
  const keepAlive = setInterval(() => raw.write(': still here\n\n'), KEEP_ALIVE_MS)
  raw.once('close', () => {
    clearInterval(keepAlive)
    end()
  })
  slot.signal.addEventListener('abort', () => raw.end(), { once: true })
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'x-accel-buffering': 'no',
  })
  const sendNow = (change: Change): void => write(change.type, change.type === 'EVENT' ? change.event : change.object)
  for (const event of past) write('EVENT', event)
  write('SYNC', {})
  for (const change of waiting) sendNow(change)
  send = sendNow
  return reply
}

const isWanted = (change: Change, { kind, name }: EventFilter, only: Query['only']): boolean => {
  if (change.type === 'EVENT') {
    if (only === 'objects') return false
    const about = parseObjectReference(change.event.object)
    return (kind ?? about.kind) === about.kind && (name ?? about.name) === about.name
  }
  if (only === 'events') return false
  const { object } = change
  return (kind ?? object.kind) === object.kind && (name ?? object.metadata.name) === object.metadata.name
}
