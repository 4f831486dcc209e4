import type { IncomingMessage } from 'node:http'

export interface Message {
  readonly type: string
  readonly data: unknown
}

/** Messages of a stream of server-sent events. */
export async function* messages(stream: IncomingMessage): AsyncGenerator<Message> {
  let rest = ''
  for await (const chunk of stream.setEncoding('utf8')) {
    const blocks = (rest + String(chunk)).split('\n\n')
    rest = blocks.pop() ?? ''
    for (const block of blocks) {
      const fields = new Map(
        block.split('\n').map((line) => [line.split(': ', 1)[0], line.slice(line.indexOf(': ') + 2)]),
      )
      const data = fields.get('data')
      if (data === undefined) continue
      yield { type: fields.get('event') ?? 'message', data: JSON.parse(data) as unknown } // JSON.parse gives any
    }
  }
}
