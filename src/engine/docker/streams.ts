import { Readable } from 'node:stream'

/** dockerode's answers are Node's own streams, though its types promise less. */
export const asReadable = (stream: NodeJS.ReadableStream): Readable => {
  if (stream instanceof Readable) return stream
  throw new TypeError('the engine gave no stream')
}

/** Docker's frames: 8 bytes of header (stream number, three zeros, big-endian length), then the bytes. Gives the bytes of both streams as they come. */
export const demultiplex = async function* (
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  let held = Buffer.alloc(0)
  for await (const chunk of chunks) {
    held = held.length === 0 ? Buffer.from(chunk) : Buffer.concat([held, chunk])
    while (held.length >= 8) {
      const end = 8 + held.readUInt32BE(4)
      if (held.length < end) break
      yield held.subarray(8, end)
      held = held.subarray(end)
    }
  }
}

/** Text by lines, without their ends; the last one also when it has none. */
export const linesOf = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  let held = ''
  for await (const chunk of chunks) {
    held += decoder.decode(chunk, { stream: true })
    const lines = held.split('\n')
    held = lines.pop() ?? ''
    yield* lines.map((line) => line.replace(/\r$/, ''))
  }
  held += decoder.decode()
  if (held !== '') yield held
}

export interface Tail {
  /** The last bytes so far, as text. */
  text(): string
  /** Settles when the stream has ended or broken. */
  readonly ended: Promise<void>
}

/** Keeps the last bytes of a stream. */
export const tailOf = (chunks: AsyncIterable<Uint8Array>, limit: number): Tail => {
  let kept: Uint8Array[] = []
  let size = 0
  const shrink = (): void => {
    kept = [Buffer.concat(kept).subarray(-limit)]
    size = kept[0]?.length ?? 0
  }
  const read = async (): Promise<void> => {
    for await (const chunk of chunks) {
      kept.push(chunk)
      size += chunk.length
      if (size > 4 * limit) shrink()
    }
  }
  return {
    text: () => {
      shrink()
      return Buffer.concat(kept).toString('utf8')
    },
    ended: read().catch(() => undefined),
  }
}

/** One value of a stream of JSON values by lines; lines that are none are passed over. */
export const jsonLines = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<unknown, void> {
  for await (const line of linesOf(chunks)) {
    if (line.trim() === '') continue
    try {
      yield JSON.parse(line) as unknown // narrowed by who reads it
    } catch {
      continue
    }
  }
}
