import { createHash } from 'node:crypto'
import { mkdir, open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import pLimit from 'p-limit'
import { bytesOfFile, type ByteSource, keepOpen, type OpenBytes, piecesOf } from '../model/byte-source.ts'
import type { Log } from '../model/log.ts'
import type { PackageDigest } from '../model/names.ts'
import { fileNameOf, isTemporary, replaceFile, syncDirectory, whyNotWritten } from './disk.ts'
import { loadRecords, moveAside, serialize } from './load.ts'
import type { RecordKind, Records } from './records.ts'

export interface StoreOptions {
  /** State directory; made when missing. */
  readonly directory: string
  readonly log: Log
  /** Milliseconds until a write that failed is tried again; doubles up to thirty times this. */
  readonly retryMs?: number
}

/**
 * What the world cannot hold for us. Reads come from memory and never fail; writes go to memory at once and to disk soon
 * after, in the order of nothing in particular: every record stands for itself.
 */
export interface Store {
  readonly directory: string
  get<K extends RecordKind>(kind: K, key: string): Records[K] | undefined
  list<K extends RecordKind>(kind: K): ReadonlyMap<string, Records[K]>
  set<K extends RecordKind>(kind: K, key: string, value: Records[K]): void
  delete(kind: RecordKind, key: string): void
  /** Bytes of packages, by digest. They are not kept in memory. */
  readonly blobs: BlobStore
  /** Resolves when everything set before is on disk, or could not be written: then false. */
  flush(): Promise<boolean>
  /** Why the disk does not have everything; undefined when it does. */
  problem(): string | undefined
  /** Flushes; nothing is written afterwards. */
  close(): Promise<void>
}

export interface BlobStore {
  has(digest: PackageDigest): boolean
  /** Undefined when it is not there, or its bytes are not those of the digest (then it is moved aside). */
  open(digest: PackageDigest): Promise<OpenBytes | undefined>
  /** False when it could not be written; `problem()` says why. */
  write(digest: PackageDigest, source: ByteSource): Promise<boolean>
  delete(digest: PackageDigest): Promise<void>
}

type Tables = { [K in RecordKind]: Map<string, Records[K]> }

const text = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** The pieces of what has this digest; fails at the end of anything else, a file that changed meanwhile. */
async function* onlyOf(digest: PackageDigest, source: ByteSource): AsyncGenerator<Buffer> {
  const sha256 = createHash('sha256')
  for await (const piece of piecesOf(source)) {
    sha256.update(piece)
    yield piece
  }
  if (`sha256:${sha256.digest('hex')}` !== digest) throw new Error('its file has just changed')
}

const isOf = async (digest: PackageDigest, source: ByteSource): Promise<boolean> => {
  const sha256 = createHash('sha256')
  for await (const piece of piecesOf(source)) sha256.update(piece)
  return `sha256:${sha256.digest('hex')}` === digest
}

/**
 * Opens the state directory. What is truncated, not ours or of a newer version is moved to `aside/` with a warning.
 *
 * @throws when the directory cannot be made or read at all.
 */
export const createStore = async ({ directory, log, retryMs = 1000 }: StoreOptions): Promise<Store> => {
  const tables: Tables = await loadRecords(directory, log)
  const blobDirectory = join(directory, 'blobs')
  await mkdir(blobDirectory, { recursive: true, mode: 0o700 })
  const blobNames = new Set(await readdir(blobDirectory))
  for (const name of blobNames) if (isTemporary(name)) await rm(join(blobDirectory, name), { force: true })

  /** Records whose disk copy is not what memory says. */
  const dirty = new Map<string, { readonly kind: RecordKind; readonly key: string }>()
  const limit = pLimit(8)
  let recordProblem: string | undefined
  const blobProblems = new Map<PackageDigest, string>()
  let delay = retryMs
  let timer: NodeJS.Timeout | undefined
  let writing: Promise<void> | undefined
  let closed = false

  const writeOne = async (id: string, kind: RecordKind, key: string): Promise<void> => {
    dirty.delete(id)
    const path = join(directory, kind, `${fileNameOf(key)}.json`)
    const value = tables[kind].get(key)
    try {
      if (value === undefined) await rm(path, { force: true })
      else await replaceFile(path, serialize(kind, key, value))
    } catch (error) {
      dirty.set(id, { kind, key })
      throw error
    }
  }

  const writeAll = async (): Promise<void> => {
    const batch = [...dirty]
    const kinds = new Set(batch.map(([, { kind }]) => kind))
    const results = await Promise.allSettled(batch.map(([id, { kind, key }]) => limit(() => writeOne(id, kind, key))))
    const synced = await Promise.allSettled([...kinds].map((kind) => syncDirectory(join(directory, kind))))
    const failed = [...results, ...synced].find((result) => result.status === 'rejected')
    if (failed === undefined) {
      if (recordProblem !== undefined) log.info('state directory is written again', { directory })
      recordProblem = undefined
      delay = retryMs
      return
    }
    const error = await whyNotWritten(failed.reason, directory)
    const problem = `cannot write to the state directory ${directory}: ${error}; working from memory`
    if (problem !== recordProblem) log.warn('cannot write to the state directory', { directory, error })
    recordProblem = problem
    // The folder of a kind may have been removed under us.
    await Promise.allSettled([...kinds].map((kind) => mkdir(join(directory, kind), { recursive: true, mode: 0o700 })))
  }

  /** One writer at a time; whoever asks while it works gets the next round. */
  const flush = async (): Promise<boolean> => {
    while (writing !== undefined) await writing
    if (dirty.size > 0) {
      clearTimeout(timer)
      timer = undefined
      writing = writeAll().finally(() => {
        writing = undefined
      })
      await writing
      if (recordProblem !== undefined) retryLater()
    }
    return recordProblem === undefined
  }

  const schedule = (ms: number): void => {
    if (closed || timer !== undefined) return
    timer = setTimeout(() => {
      timer = undefined
      void flush()
    }, ms)
    timer.unref()
  }

  const retryLater = (): void => {
    if (timer !== undefined) return
    schedule(delay)
    delay = Math.min(delay * 2, retryMs * 30)
  }

  const mark = (kind: RecordKind, key: string): void => {
    dirty.set(`${kind}/${key}`, { kind, key })
    // After a failure the retry timer decides, so that a full disk is not hammered.
    if (recordProblem === undefined) schedule(20)
    else retryLater()
  }

  const blobPath = (digest: PackageDigest): string => join(blobDirectory, digest.replace(':', '-'))

  const blobs: BlobStore = {
    has: (digest) => blobNames.has(digest.replace(':', '-')),
    open: async (digest) => {
      await using opened = new AsyncDisposableStack()
      try {
        const handle = opened.use(await open(blobPath(digest)))
        const source = bytesOfFile(handle, (await handle.stat()).size)
        if (await isOf(digest, source)) return keepOpen(source, opened)
        log.warn('package in the state directory is damaged', { digest })
        await moveAside(directory, blobPath(digest), log)
      } catch (error) {
        log.debug('package is not in the state directory', { digest, error: text(error) })
      }
      blobNames.delete(digest.replace(':', '-'))
      return undefined
    },
    write: async (digest, source) => {
      try {
        await mkdir(blobDirectory, { recursive: true, mode: 0o700 })
        await replaceFile(blobPath(digest), onlyOf(digest, source))
        await syncDirectory(blobDirectory)
      } catch (error) {
        const why = await whyNotWritten(error, blobDirectory)
        const problem = `cannot keep a copy of package ${digest}: ${why}`
        if (blobProblems.get(digest) !== problem) log.warn('cannot keep a copy of a package', { digest, error: why })
        blobProblems.set(digest, problem)
        return false
      }
      blobNames.add(digest.replace(':', '-'))
      if (blobProblems.delete(digest)) log.info('the copy of a package is kept now', { digest })
      return true
    },
    delete: async (digest) => {
      blobProblems.delete(digest)
      blobNames.delete(digest.replace(':', '-'))
      await rm(blobPath(digest), { force: true }).catch((error: unknown) => {
        log.warn('cannot remove the copy of a package', { digest, error: text(error) })
      })
    },
  }

  return {
    directory,
    get: (kind, key) => tables[kind].get(key),
    list: (kind) => tables[kind],
    set: (kind, key, value) => {
      if (isDeepStrictEqual(tables[kind].get(key), value)) return
      tables[kind].set(key, value)
      mark(kind, key)
    },
    delete: (kind, key) => {
      if (tables[kind].delete(key)) mark(kind, key)
    },
    blobs,
    flush,
    problem: () => recordProblem ?? blobProblems.values().next().value,
    close: async () => {
      await flush()
      closed = true
      clearTimeout(timer)
    },
  }
}
