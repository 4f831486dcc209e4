/** Bytes that are read where they are needed: a large file is never in memory as a whole. */
export interface ByteSource {
  /** Bytes. */
  readonly size: number
  /**
   * The bytes from `at` on, `length` of them or as many as there are before the end.
   *
   * @throws what the file system says; an error as well when a file has become shorter than its `size`
   */
  read(at: number, length: number): Promise<Buffer>
}

/** What a file handle of node:fs/promises gives. */
interface Handle {
  read(buffer: Buffer, offset: number, length: number, position: number): Promise<{ readonly bytesRead: number }>
}

export const bytesInMemory = (bytes: Uint8Array): ByteSource => {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { size: buffer.length, read: async (at, length) => buffer.subarray(at, at + length) }
}

/** The first `size` bytes of an open file, which has to stay open. */
export const bytesOfFile = (handle: Handle, size: number): ByteSource => ({
  size,
  read: async (at, length) => {
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(length, size - at)))
    let filled = 0
    while (filled < buffer.length) {
      const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, at + filled)
      if (bytesRead === 0) throw new Error('the file became shorter while it was read')
      filled += bytesRead
    }
    return buffer
  },
})

const pieceBytes = 256 * 1024

/** One after the other, at most 256 KiB each; `to` is the first byte that is not wanted. */
export async function* piecesOf(source: ByteSource, from = 0, to = source.size): AsyncGenerator<Buffer> {
  for (let at = from; at < to; at += pieceBytes) yield await source.read(at, Math.min(pieceBytes, to - at))
}
