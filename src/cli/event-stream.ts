import type { IncomingMessage } from 'node:http'

export interface StreamMessage {
  readonly type: string
  /** JSON text. */
  readonly data: string
}

/** Lines of a stream, without their ends. */
export async function* linesOf(stream: IncomingMessage): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const lines = (rest + String(chunk)).split('\n')
    rest = lines.pop() ?? ''
    yield* lines
  }
  if (rest !== '') yield rest
}

/** Messages of server-sent events, as our API writes them: one line of data each. */
export async function* messagesOf(stream: IncomingMessage): AsyncGenerator<StreamMessage> {
  let type = ''
  for await (const line of linesOf(stream)) {
    if (line.startsWith('event: ')) type = line.slice('event: '.length)
    else if (line.startsWith('data: ')) yield { type, data: line.slice('data: '.length) }
  }
}
