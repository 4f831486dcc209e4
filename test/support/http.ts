import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders, type RequestOptions } from 'node:http'

export interface Answer {
  readonly status: number
  readonly headers: IncomingMessage['headers']
  readonly text: string
  /** The text as JSON. */
  readonly json: () => unknown
}

export interface Ask {
  readonly method?: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string | Buffer
}

export type Where = { readonly socketPath: string } | { readonly host: string; readonly port: number }

/** Begins a request; resolves with the head of its answer. */
export const open = (
  where: Where,
  path: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<IncomingMessage> =>
  new Promise((resolve, reject) => {
    // For DELETE, Node frames a body only when it is told the length.
    const length =
      body === undefined || 'transfer-encoding' in headers ? {} : { 'content-length': Buffer.byteLength(body) }
    const options: RequestOptions = { ...where, path, method, headers: { connection: 'close', ...length, ...headers } }
    httpRequest(options, resolve).on('error', reject).end(body)
  })

/** One whole request over a real socket. */
export const ask = async (where: Where, path: string, what: Ask = {}): Promise<Answer> => {
  const answer = await open(where, path, what)
  let text = ''
  for await (const chunk of answer.setEncoding('utf8')) text += String(chunk)
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text,
    json: () => JSON.parse(text) as unknown, // JSON.parse gives any
  }
}

/** Body and headers of a form with one file. */
export const formOf = (field: string, fileName: string, bytes: Buffer): Required<Pick<Ask, 'headers' | 'body'>> => {
  const boundary = 'a-boundary-of-a-test'
  const head = `--${boundary}\r\nContent-Disposition: form-data; name="${field}"; filename="${fileName}"\r\nContent-Type: application/octet-stream\r\n\r\n`
  return {
    headers: { 'content-type': `multipart/form-data; boundary=${boundary}` },
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--\r\n`)]),
  }
}
