import type { FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import { ApiError } from './errors.ts'

/** Body as text, whatever its content type says: `curl -d` labels everything a form. */
export const textBody = (request: FastifyRequest): string => {
  const { body } = request
  if (body === undefined || body === null) return ''
  if (!Buffer.isBuffer(body)) throw new TypeError('a route without the plain body parser asked for a text')
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body)
  } catch (cause) {
    throw new ApiError('BAD_REQUEST', 'the body is not UTF-8', { cause, next: 'send the text in UTF-8' })
  }
}

/** Body as JSON of the shape `schema`; an empty body is `{}`. */
export const jsonBody = <S extends z.ZodType>(request: FastifyRequest, schema: S): z.output<S> => {
  const text = textBody(request).trim()
  const result = schema.safeParse(text === '' ? {} : parseJson(text))
  if (result.success) return result.data
  throw badShape('the body', result.error)
}

/** Query of the shape `schema`. */
export const queryOf = <S extends z.ZodType>(request: FastifyRequest, schema: S): z.output<S> => {
  const result = schema.safeParse(request.query)
  if (result.success) return result.data
  throw badShape('the query', result.error)
}

const parseJson = (text: string): unknown => {
  try {
    // Shapes are checked with schemas whose objects keep only known keys, so `__proto__` reaches nothing.
    return JSON.parse(text) as unknown // JSON.parse gives any
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new ApiError('BAD_REQUEST', `the body is not JSON: ${why}`, { cause, next: 'send a JSON object' })
  }
}

const badShape = (what: string, error: z.ZodError): ApiError =>
  new ApiError(
    'BAD_REQUEST',
    `${what} is not as expected: ${error.issues
      .map(({ path, message }) => (path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`))
      .join('; ')}`,
    { next: 'see docs/api.md for what this call takes' },
  )

/** A body that was refused may have no end: what is still to come of it is not read, the connection closes instead. */
export const leaveBody = (request: FastifyRequest, reply: FastifyReply): void => {
  if (!request.raw.complete) void reply.header('connection', 'close')
}
