/** Bytes that are read where they are needed: a large file is never in memory as a whole. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number
  /**
   * The bytes from `at` on, `length` of them or as many as there are before the end.
   *
   * @throws ReadError
   */
  read(at: number, length: number): Promise<Buffer>
}

/** A source that holds something open. */
export type OpenBytes = ByteSource & AsyncDisposable

/** `code` is the system's (errno(3)), or `SHORTER`: the file was cut while it was read. */
export class ReadError extends Error {
  readonly code: string
  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What a file handle of node:fs/promises gives. */
interface Handle {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
}

export const bytesInMemory = (bytes: Uint8Array): ByteSource => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { size: buffer.length, read: async (at, length) => buffer.subarray(at, at + length) }
}

const readFrom = async (handle: Handle, buffer: Buffer, filled: number, at: number): Promise<number> => {
  try {
    return (await handle.read(buffer, filled, buffer.length - filled, at + filled)).bytesRead
  } catch (cause) {
    const { code = 'EIO', message } = cause as Partial<ReadError> & Error // of the system's, with its code
    throw new ReadError(code, message, { cause })
  }
}

/** The first `size` bytes of an open file, which has to stay open. */
export const bytesOfFile = (handle: Handle, size: number): ByteSource => ({
  size,
  read: async (at, length) => {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - at)))
    let filled = 0
    while (filled < buffer.length) {
      const bytesRead = await readFrom(handle, buffer, filled, at)
      if (bytesRead === 0) throw new ReadError('SHORTER', 'the file became shorter while it was read')
      filled += bytesRead
    }
    return buffer
  },
})

/** The source with what it needs open, which goes when the source is disposed of, no longer with the stack. */
export const keepOpen = (source: ByteSource, opened: AsyncDisposableStack): OpenBytes => {
  const kept = opened.move()
  return { ...source, [Symbol.asyncDispose]: () => kept.disposeAsync() }
}

const pieceBytes = 256 * 1024

/** One after the other, at most 256 KiB each; `to` is the first byte that is not wanted. */
export async function* piecesOf(source: ByteSource, from = 0, to = source.size): AsyncGenerator<Buffer> {
  for (let at = from; at < to; at += pieceBytes) yield await source.read(at, Math.min(pieceBytes, to - at))
}
