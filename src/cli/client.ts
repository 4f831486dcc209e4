import { request as httpRequest, type ClientRequest, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatDiagnostic, isError, type Diagnostic } from '../model/diagnostics.ts'
import type { ErrorBody } from '../api/errors.ts'
import { CliError } from './errors.ts'
import { printable } from './format/table.ts'
import { unreachable, type ServerAddress } from './server-address.ts'

export interface Ask {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly query?: Readonly<Record<string, string | undefined>>
  readonly body?: string | Readable
  readonly headers?: OutgoingHttpHeaders
  readonly signal?: AbortSignal
  /** Statuses from 400 up that are answers all the same. */
  readonly accept?: readonly number[]
}

/** The API refused; `code` says how. */
export class ApiRefusal extends CliError {
  readonly code: string
  readonly status: number
  readonly diagnostics: readonly Diagnostic[]

  constructor(status: number, body: Partial<ErrorBody>) {
    const { error } = body
    super(error?.message ?? `the daemon answered ${status}`, error?.next === undefined ? {} : { next: error.next })
    this.name = 'ApiRefusal'
    this.code = error?.code ?? ''
    this.status = status
    this.diagnostics = error?.details?.diagnostics ?? []
  }
}

export interface Client {
  readonly address: ServerAddress
  /** The answer as JSON; the caller knows its shape. Throws `ApiRefusal`, or `CliError` when the daemon is not reached. */
  json<T>(path: string, ask?: Ask): Promise<T>
  /** Undefined where the answer is that there is no such thing. */
  find<T>(path: string, ask?: Ask): Promise<T | undefined>
  /** The open answer. */
  stream(path: string, ask?: Ask): Promise<IncomingMessage>
}

export const createClient = (address: ServerAddress, token: string | undefined): Client => {
  const where =
    address.kind === 'unix'
      ? { socketPath: address.path, host: 'localhost' }
      : { host: address.host, port: address.port }
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }

  const open = async (path: string, ask: Ask): Promise<IncomingMessage> => {
    const { method = 'GET', query = {}, body, headers = {}, signal } = ask
    const search = new URLSearchParams()
    for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, value)
    const request = httpRequest({
      ...where,
      method,
      path: search.size === 0 ? path : `${path}?${search.toString()}`,
      headers: { ...authorization, ...headers },
      agent: false,
      ...(signal === undefined ? {} : { signal }),
    })
    const answered = answerOf(request, address)
    if (body === undefined || typeof body === 'string') request.end(body)
    // An early refusal closes the connection while we still send: the answer, not the broken pipe, tells why.
    else pipeline(body, request).catch(() => undefined)
    const answer = await answered
    const status = answer.statusCode ?? 500
    if (status < 400 || ask.accept?.includes(status) === true) return answer
    throw new ApiRefusal(status, parseError(await textOf(answer)))
  }

  const json = async <T>(path: string, ask: Ask = {}): Promise<T> => {
    const text = await textOf(await open(path, ask))
    try {
      return JSON.parse(text) as T // the API's own types say what each path answers
    } catch (cause) {
      throw new CliError(`${path}: the answer is not from a sond daemon`, { cause, next: 'Check --server.' })
    }
  }

  return {
    address,
    json,
    async find<T>(path: string, ask: Ask = {}) {
      try {
        return await json<T>(path, ask)
      } catch (error) {
        if (error instanceof ApiRefusal && error.code === 'NOT_FOUND') return undefined
        throw error
      }
    },
    stream: (path, ask = {}) => open(path, ask),
  }
}

const answerOf = (request: ClientRequest, address: ServerAddress): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    let answered = false
    request.once('response', (answer) => {
      answered = true
      resolve(answer)
    })
    request.on('error', (cause) => {
      if (!answered) reject(unreachable(address, cause))
    })
  })

const textOf = async (answer: IncomingMessage): Promise<string> => {
  const chunks: Buffer[] = []
  try {
    for await (const chunk of answer) chunks.push(Buffer.from(chunk as Buffer)) // no encoding is set: chunks are buffers
  } catch (cause) {
    throw new CliError('the connection to the daemon broke off', { cause, next: 'See: systemctl status sond.' })
  }
  return Buffer.concat(chunks).toString('utf8')
}

const parseError = (text: string): Partial<ErrorBody> => {
  try {
    return JSON.parse(text) as Partial<ErrorBody> // read with care: every field may be missing
  } catch {
    return {}
  }
}

/** Diagnostics of what the daemon refused, under the name the user knows the file by; places inside a package stay. */
export const diagnosticLines = (diagnostics: readonly Diagnostic[], file: string): string =>
  diagnostics
    .map((found) => ({ ...found, file: `${file}${/!\/.*/s.exec(found.file)?.[0] ?? ''}` }))
    .map((found) => `${printable(formatDiagnostic(found))}${isError(found) ? '' : ' [notice]'}\n`)
    .join('')
