import { ReadError } from '../model/byte-source.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import type { ServicePackage } from '../model/package.ts'
import type { FileMemory } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { isBlank, type OpenResult, type SettledFile, unreadable } from './read.ts'
import type { FileKind } from './recognise.ts'
import { objectKeyOf, type ParsedManifest, type ParsedPackage, type Parsers, type RefusedDocument } from './types.ts'

/** A file of the watched directory that is, or was and is held: what it means, and what was said at the last reading. */
export interface KnownFile {
  readonly memory: FileMemory
  /** Whether it ever had a meaning. A manifest that was read and holds no document means nothing, and that is known. */
  readonly meant: boolean
  /** Fingerprint at the last reading; empty = not read since start. */
  readonly fingerprint: string
  /** The last reading had no error. */
  readonly accepted: boolean
  /** Objects that are as they were at an earlier reading, as the last one did not tell rightly. */
  readonly stale: ReadonlySet<string>
  readonly refused: readonly RefusedDocument[]
  readonly diagnostics: readonly Diagnostic[]
}

export interface KnownFiles {
  /** By path. */
  all(): ReadonlyMap<string, KnownFile>
  /**
   * Reads a file, or takes why it cannot be read. Packages that it holds are given back, for the shelf. Undefined when the file
   * changed meanwhile: then nothing was taken.
   */
  take(
    file: string,
    kind: FileKind,
    fingerprint: string,
    opened: Exclude<OpenResult, { result: 'changed' }>,
  ): Promise<Taken | undefined>
  /** Makes sure that what was not read in this run of the daemon is understood as by this version of it. */
  reviveUnread(): Promise<void>
  /** Forgets files that are gone for good. */
  forget(files: Iterable<string>): void
}

export interface Taken {
  readonly package?: ServicePackage
}

interface Context {
  readonly store: Store
  readonly parsers: Parsers
  readonly now: () => string
}

const problem = (file: string, code: string, message: string): Diagnostic => ({
  severity: 'error',
  code,
  message,
  file,
  line: 1,
  column: 1,
  path: '',
})

const failed = (diagnostics: readonly Diagnostic[]): boolean => diagnostics.some(({ severity }) => severity === 'error')

const keptNote = (file: string): Diagnostic => ({
  ...problem(file, 'LAST_GOOD_KEPT', 'what this file said when it was last right stays in force until it is mended'),
  severity: 'notice',
})

const unexpected = (error: unknown) => ({
  code: 'INTERNAL',
  message: `reading it failed unexpectedly: ${String(error)}`,
})

/** A parser that fails by a bug of its own, or by the disk, says so of this one file; the rest goes on. */
const guarded = async <T extends ParsedManifest | ParsedPackage>(
  file: string,
  parse: () => T | Promise<T>,
  nothing: T,
): Promise<T> => {
  try {
    return await parse()
  } catch (error) {
    const { code, message } = error instanceof ReadError ? unreadable(error) : unexpected(error)
    return { ...nothing, diagnostics: [problem(file, code, message)] }
  }
}

/** Order of code units: the same on every machine. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

const noManifest: ParsedManifest = { documents: [], refused: [], diagnostics: [] }

const unread = { fingerprint: '', accepted: true, stale: new Set<string>(), refused: [], diagnostics: [] } as const

const keysOf = (documents: ParsedManifest['documents']): Set<string> =>
  new Set(documents.map(({ document }) => objectKeyOf(document)))

/** Documents as they are kept in the store: parsed again from their bytes, as a newer sond may understand more of them. */
const revive = async (memory: FileMemory, parsers: Parsers): Promise<FileMemory> => {
  const { source } = memory
  if (source === undefined) return memory
  const parse = () => parsers.manifest(memory.file, Buffer.from(source, 'base64'))
  const parsed = await guarded(memory.file, parse, noManifest)
  return failed(parsed.diagnostics) ? memory : { ...memory, documents: parsed.documents }
}

/**
 * What the store remembers of files. Where the memory of a file was lost, it is put together from the objects that the file
 * defined: a damaged record must not look like a deletion.
 */
const remember = (store: Store): readonly FileMemory[] => {
  const files = new Map(store.list('files'))
  let seen = Math.max(0, ...[...files.values()].map((memory) => memory.seen))
  for (const { file, document, createdAt } of store.list('objects').values()) {
    const memory = files.get(file)
    if (memory === undefined) {
      seen += 1
      files.set(file, { file, kind: 'manifest', seen, firstSeen: createdAt, documents: [{ document, line: 1 }] })
    } else if (!store.list('files').has(file)) {
      files.set(file, { ...memory, documents: [...memory.documents, { document, line: 1 }] })
    }
  }
  return [...files.values()].sort((a, b) => compareText(a.file, b.file))
}

/** Opens the memory of files: what the store remembers, to be confirmed or corrected by reading the directory. */
export const openKnownFiles = ({ store, parsers, now }: Context): KnownFiles => {
  const known = new Map<string, KnownFile>()
  const remembered = remember(store)
  for (const memory of remembered) {
    const meant = memory.source !== undefined || memory.digest !== undefined || memory.documents.length > 0
    known.set(memory.file, { ...unread, memory, meant })
  }
  let seen = Math.max(0, ...remembered.map((memory) => memory.seen))

  const blank = (file: string, kind: FileKind): FileMemory => {
    seen += 1
    return { file, kind, seen, firstSeen: now(), documents: [] }
  }

  const put = (one: KnownFile): void => {
    known.set(one.memory.file, one)
    store.set('files', one.memory.file, one.memory)
  }

  /** A reading that says nothing usable: what was good stays. */
  const refuse = (
    before: KnownFile | undefined,
    memory: FileMemory,
    print: string,
    why: readonly Diagnostic[],
  ): void => {
    const meant = before?.meant ?? false
    const diagnostics = meant ? [...why, keptNote(memory.file)] : why
    const stale = keysOf(memory.documents)
    put({ memory, meant, fingerprint: print, accepted: false, stale, refused: [], diagnostics })
  }

  /** What was good in an earlier run of the daemon, as this version understands it. */
  const lastGood = async (memory: FileMemory): Promise<FileMemory> =>
    known.get(memory.file)?.fingerprint === '' ? revive(memory, parsers) : memory

  const takePackage = async (memory: FileMemory, print: string, content: SettledFile): Promise<Taken | undefined> => {
    const { file } = memory
    const nothing: ParsedPackage = { diagnostics: [] }
    const parsed = await guarded(file, () => parsers.package(file, content), nothing)
    if (!(await content.isSame())) return undefined
    const { diagnostics } = parsed
    if (parsed.package === undefined || failed(diagnostics)) {
      // The reason for which it could not be read may go without the file changing.
      const isRead = diagnostics.every(({ code }) => code !== 'UNREADABLE')
      refuse(known.get(file), memory, isRead ? print : '', diagnostics)
      return {}
    }
    const { digest } = parsed.package
    put({ ...unread, memory: { ...memory, digest }, meant: true, fingerprint: print, diagnostics })
    return { package: parsed.package }
  }

  /** With an error in the file, what is right in it counts, and nothing that it defined before goes. */
  const takeManifest = async (memory: FileMemory, print: string, bytes: Uint8Array): Promise<void> => {
    const { file } = memory
    const before = known.get(file)
    if (isBlank(bytes) && memory.documents.length > 0) {
      const why = problem(file, 'EMPTY_FILE', 'the file is empty; delete it to remove its objects')
      refuse(before, await lastGood(memory), print, [why])
      return
    }
    const parsed = isBlank(bytes) ? noManifest : await guarded(file, () => parsers.manifest(file, bytes), noManifest)
    const { documents, refused, diagnostics } = parsed
    if (!failed(diagnostics)) {
      const source = Buffer.from(bytes).toString('base64')
      put({ ...unread, memory: { ...memory, source, documents }, meant: true, fingerprint: print, diagnostics })
      return
    }
    const told = keysOf(documents)
    const { source: _, ...rest } = await lastGood(memory)
    const kept = rest.documents.filter(({ document }) => !told.has(objectKeyOf(document)))
    put({
      memory: { ...rest, documents: [...documents, ...kept] },
      meant: before?.meant ?? false,
      fingerprint: print,
      accepted: false,
      stale: keysOf(kept),
      refused,
      diagnostics: kept.length > 0 ? [...diagnostics, keptNote(file)] : diagnostics,
    })
  }

  return {
    all: () => known,
    take: async (file, kind, print, opened) => {
      const before = known.get(file)
      const memory = before?.memory ?? blank(file, kind)
      if (opened.result === 'refused') {
        refuse(before, await lastGood(memory), print, [problem(file, opened.code, opened.message)])
        return {}
      }
      const { content } = opened
      if (kind === 'package') return takePackage(memory, print, content)
      await takeManifest(memory, print, await content.read(0, content.size))
      return {}
    },
    reviveUnread: async () => {
      for (const [file, one] of known) {
        if (one.fingerprint === '') known.set(file, { ...one, memory: await revive(one.memory, parsers) })
      }
    },
    forget: (files) => {
      for (const file of files) {
        known.delete(file)
        store.delete('files', file)
      }
    },
  }
}

/** Whether deleting the file would take something away: objects, or a package. */
export const matters = ({ memory }: KnownFile): boolean => memory.documents.length > 0 || memory.digest !== undefined
