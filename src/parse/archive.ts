import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Entry, type ZipFile, fromRandomAccessReaderPromise } from 'yauzl'
import { type ByteSource, ReadError } from '../model/byte-source.ts'
import { type Report, quote, wholeFile } from './report.ts'
import { type FoundZip, findZip, notZipMessage, zipHeadBytes } from './zip-end.ts'
import { deflated, stored, unpack } from './zip-entry.ts'
import { findOverlap, takenInDirectory } from './zip-layout.ts'
import { createZipReader } from './zip-reader.ts'

/** A file in an archive. */
export interface ArchiveFile {
  readonly path: string
  /** Bytes. */
  readonly size: number
  readonly md5: string
  readonly sha256: string
  /** Absent for files larger than `keepBytes`. */
  readonly bytes?: Uint8Array
}

export interface ArchiveOptions {
  /** Files up to this size are kept in memory; all are read and hashed. */
  readonly keepBytes: number
  /** All that is kept together; 128 MiB when absent. */
  readonly keptBytes?: number
  /** All files together may have as many; see `limits` for what holds when absent. */
  readonly totalBytes?: number
}

/** Bounds on an archive; genuine packages have some dozen files of some kilobytes, or carry docker files. */
const limits = {
  entries: 10_000,
  nameBytes: 1_024,
  entryBytes: 256 * 1024 * 1024,
  /** All files together: whatever the archive's size; at most; and in between, as many times its size. */
  totalFreeBytes: 256 * 1024 * 1024,
  totalBytes: 512 * 1024 * 1024,
  totalRatio: 2,
  /** All kept contents together: a context to build an image from. */
  keptBytes: 128 * 1024 * 1024,
  /** Deflate gives 1000:1 at best; text rarely more than 20:1. */
  ratio: 200,
  /** Smaller outputs are harmless whatever their ratio. */
  ratioFromBytes: 4 * 1024 * 1024,
} as const

const fileType = (entry: Entry): number => (entry.externalFileAttributes >>> 16) & 0o170000
const regular = new Set([0, 0o100000])
const directory = 0o040000

class Refused extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

interface Seen {
  readonly names: Set<string>
  /** By the name in lower case. */
  readonly folded: Map<string, string>
}

const checkEntry = (entry: Entry, seen: Seen, report: Report): void => {
  const name = entry.fileName
  const shown = quote(name)
  if (/\p{Cc}/u.test(name)) throw new Refused('ARCHIVE_PATH', `the entry ${shown} has a control character in its name`)
  if (Buffer.byteLength(name) > limits.nameBytes)
    throw new Refused('ARCHIVE_PATH', `the entry ${shown} has too long a name`)
  const parts = name.replace(/\/$/, '').split('/')
  if (parts.some((part) => part === '' || part === '.' || part === '..')) {
    throw new Refused('ARCHIVE_PATH', `the entry ${shown} is not a plain path inside the package`)
  }
  const unique = name.normalize('NFC').replace(/\/$/, '')
  if (seen.names.has(unique)) throw new Refused('ARCHIVE_DUPLICATE', `the entry ${shown} is in the archive twice`)
  seen.names.add(unique)
  const twin = seen.folded.get(unique.toLowerCase())
  if (twin === undefined) seen.folded.set(unique.toLowerCase(), name)
  else {
    const where = 'where case does not count, one overwrites the other'
    report.notice(wholeFile, 'ARCHIVE_CASE', `the entries ${quote(twin)} and ${shown} differ only in case; ${where}`)
  }
  if (entry.isEncrypted()) throw new Refused('ARCHIVE_ENCRYPTED', `the entry ${shown} is encrypted; packages are not`)
  const type = fileType(entry)
  if (!regular.has(type) && !(type === directory && name.endsWith('/'))) {
    throw new Refused(
      'ARCHIVE_SPECIAL',
      `the entry ${shown} is a link, device or pipe; only files and directories belong here`,
    )
  }
  if (entry.compressionMethod !== stored && entry.compressionMethod !== deflated) {
    const message = `the entry ${shown} is compressed by method ${entry.compressionMethod}; use stored or deflate`
    throw new Refused('ARCHIVE_METHOD', message)
  }
  if (entry.uncompressedSize > limits.entryBytes) throw tooLarge(shown)
}

/** What the directory holds, each entry and all of them together, before anything is unpacked. */
const readDirectory = async (zip: ZipFile, found: FoundZip, report: Report): Promise<readonly Entry[]> => {
  if (zip.entryCount > limits.entries) {
    throw new Refused(
      'ARCHIVE_TOO_LARGE',
      `the archive has ${zip.entryCount} entries; at most ${limits.entries} are read`,
    )
  }
  const entries: Entry[] = []
  const seen: Seen = { names: new Set(), folded: new Map() }
  for await (const entry of zip.eachEntry()) {
    checkEntry(entry, seen, report)
    entries.push(entry)
  }
  if (takenInDirectory(entries) !== (await found.directorySize())) {
    const message = `the zip archive is broken: its end tells of ${zip.entryCount} entries, which are not what its directory holds`
    throw new Refused('ARCHIVE_BROKEN', `${message}; copy or pack it again`)
  }
  const overlap = findOverlap(entries)
  if (overlap !== undefined) {
    const [one, other] = overlap.map(({ fileName }) => quote(fileName))
    throw new Refused('ARCHIVE_OVERLAP', `the entries ${one} and ${other} share bytes of the archive; pack it again`)
  }
  return entries
}

/** Unpacking and hashing take a second for each 256 MiB: who wants that done sends a file of some size. */
const totalOf = (archiveBytes: number): number =>
  Math.min(limits.totalBytes, Math.max(limits.totalFreeBytes, limits.totalRatio * archiveBytes))

const tooLarge = (shown: string): Refused =>
  new Refused('ARCHIVE_TOO_LARGE', `the entry ${shown} is larger when unpacked than what is allowed`)

const wrongSize = (shown: string): Refused =>
  new Refused(
    'ARCHIVE_BROKEN',
    `the entry ${shown} does not have the size that the archive tells; copy or pack it again`,
  )

const readEntry = async (
  source: ByteSource,
  zip: ZipFile,
  entry: Entry,
  budget: { kept: number; readonly total: number; readonly ratioBytes: number; written: number },
  options: ArchiveOptions,
): Promise<ArchiveFile> => {
  const md5 = createHash('md5')
  const sha256 = createHash('sha256')
  const keep = entry.uncompressedSize <= Math.min(options.keepBytes, budget.kept)
  const chunks: Buffer[] = []
  let size = 0
  let sum = 0
  const told = quote(entry.fileName)
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
  for await (const chunk of unpack(source, fileDataStart, entry)) {
    size += chunk.length
    budget.written += chunk.length
    if (size > entry.uncompressedSize) throw wrongSize(told)
    if (budget.written > budget.total) throw tooLarge(told)
    if (budget.written > Math.max(limits.ratioFromBytes, budget.ratioBytes)) {
      throw new Refused(
        'ARCHIVE_RATIO',
        `the archive unpacks to more than ${limits.ratio} times its size; that is no package`,
      )
    }
    sum = crc32(chunk, sum)
    md5.update(chunk)
    sha256.update(chunk)
    if (keep) chunks.push(chunk)
  }
  if (size < entry.uncompressedSize) throw wrongSize(told)
  if (sum !== entry.crc32) {
    const message = `the entry ${told} is damaged: its CRC-32 is not the one that the archive tells`
    throw new Refused('ARCHIVE_BROKEN', `${message}; copy or pack it again`)
  }
  if (keep) budget.kept -= size
  const hashes = { md5: md5.digest('hex'), sha256: sha256.digest('hex') }
  const bytes = keep ? { bytes: new Uint8Array(Buffer.concat(chunks)) } : {}
  return { path: entry.fileName, size, ...hashes, ...bytes }
}

/**
 * Reads all of a zip archive, which may be hostile. Bytes before and after the zip are ignored; what the archive claims about
 * sizes is not believed, real output is counted.
 *
 * @returns its files by path; undefined after an error has been reported.
 * @throws ReadError when the bytes cannot be read
 */
export const readArchive = async (
  source: ByteSource,
  report: Report,
  options: ArchiveOptions,
): Promise<ReadonlyMap<string, ArchiveFile> | undefined> => {
  try {
    const found = await findZip(source)
    if (found === undefined) throw new Refused('NOT_A_ZIP', notZipMessage(await source.read(0, zipHeadBytes)))
    const { size } = found.zip
    const zip = await fromRandomAccessReaderPromise(createZipReader(found.zip), size, { autoClose: false })
    const files = new Map<string, ArchiveFile>()
    const budget = {
      kept: options.keptBytes ?? limits.keptBytes,
      total: options.totalBytes ?? totalOf(size),
      ratioBytes: limits.ratio * size,
      written: 0,
    }
    for (const entry of await readDirectory(zip, found, report)) {
      if (!entry.fileName.endsWith('/'))
        files.set(entry.fileName, await readEntry(found.zip, zip, entry, budget, options))
    }
    return files
  } catch (error) {
    if (error instanceof ReadError) throw error
    if (error instanceof Refused) report.error(wholeFile, error.code, error.message)
    else report.error(wholeFile, 'ARCHIVE_BROKEN', `the zip archive is broken: ${messageOf(error)}`)
    return undefined
  }
}

const messageOf = (error: unknown): string => String(error).replace(/^Error: /, '')
