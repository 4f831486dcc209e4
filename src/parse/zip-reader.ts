import { RandomAccessReader } from 'yauzl'
import type { ByteSource } from '../model/byte-source.ts'

/** Headers are read a few dozen bytes at a time, and most lie side by side. */
const blockBytes = 64 * 1024

class ZipReader extends RandomAccessReader {
  readonly #zip: ByteSource
  #block: { readonly at: number; readonly bytes: Buffer } = { at: 0, bytes: Buffer.alloc(0) }

  constructor(zip: ByteSource) {
    super()
    this.#zip = zip
  }

  /** The callback's second argument is how many bytes there were; yauzl's types do not tell of it, yauzl asks for it. */
  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null, bytesRead?: number) => void,
  ): void {
    this.#at(position, length).then(
      (bytes) => callback(null, bytes.copy(buffer, offset)),
      (error: unknown) => callback(error as Error), // sources throw nothing else
    )
  }

  async #at(position: number, length: number): Promise<Buffer> {
    const from = position - this.#block.at
    if (from >= 0 && from + length <= this.#block.bytes.length) return this.#block.bytes.subarray(from, from + length)
    const bytes = await this.#zip.read(position, Math.max(length, blockBytes))
    this.#block = { at: position, bytes }
    return bytes.subarray(0, length)
  }
}

/** Gives yauzl the headers of a zip as it asks for them. */
export const createZipReader = (zip: ByteSource): RandomAccessReader => new ZipReader(zip)
