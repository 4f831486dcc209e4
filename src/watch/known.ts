import type { Diagnostic } from '../model/diagnostics.ts'
import type { ServicePackage } from '../model/package.ts'
import type { FileMemory } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import { isBlank, type ReadResult } from './read.ts'
import type { FileKind } from './recognise.ts'
import type { ParsedManifest, ParsedPackage, Parsers } from './types.ts'

/** A file of the watched directory that is, or was and is held: what it means, and what was said at the last reading. */
export interface KnownFile {
  readonly memory: FileMemory
  /** Whether it ever had a meaning. A manifest that was read and holds no document means nothing, and that is known. */
  readonly meant: boolean
  /** Fingerprint at the last reading; empty = not read since start. */
  readonly fingerprint: string
  readonly accepted: boolean
  readonly diagnostics: readonly Diagnostic[]
}

export interface KnownFiles {
  /** By path, in the order of paths. */
  all(): ReadonlyMap<string, KnownFile>
  /** Takes what was read of a file. Packages that it holds are given back, for the shelf. */
  take(
    file: string,
    kind: FileKind,
    fingerprint: string,
    read: Exclude<ReadResult, { result: 'changed' }>,
  ): Promise<Taken>
  /** Forgets files that are gone for good. */
  forget(files: Iterable<string>): void
}

export interface Taken {
  readonly package?: ServicePackage
  readonly bytes?: Uint8Array
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

/** A parser that fails by a bug of its own says so of this one file; the rest goes on. */
const guarded = async <T extends ParsedManifest | ParsedPackage>(
  file: string,
  parse: () => T | Promise<T>,
  nothing: T,
): Promise<T> => {
  try {
    return await parse()
  } catch (error) {
    const diagnostics = [problem(file, 'INTERNAL', `reading it failed unexpectedly: ${String(error)}`)]
    return { ...nothing, diagnostics }
  }
}

/** Order of code units: the same on every machine. */
export const compareText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0)

/** Documents as they are kept in the store: parsed again from their bytes, as a newer sond may understand more of them. */
const revive = async (memory: FileMemory, parsers: Parsers): Promise<FileMemory> => {
  const { source } = memory
  if (source === undefined) return memory
  const nothing: ParsedManifest = { documents: [], diagnostics: [] }
  const parsed = await guarded(memory.file, () => parsers.manifest(memory.file, Buffer.from(source, 'base64')), nothing)
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
export const openKnownFiles = async ({ store, parsers, now }: Context): Promise<KnownFiles> => {
  const known = new Map<string, KnownFile>()
  const remembered = remember(store)
  for (const memory of remembered) {
    const meant = memory.source !== undefined || memory.digest !== undefined || memory.documents.length > 0
    const revived = await revive(memory, parsers)
    known.set(memory.file, { memory: revived, meant, fingerprint: '', accepted: true, diagnostics: [] })
  }
  let seen = Math.max(0, ...remembered.map((memory) => memory.seen))

  const blank = (file: string, kind: FileKind): FileMemory => {
    seen += 1
    return { file, kind, seen, firstSeen: now(), documents: [] }
  }

  const put = (one: KnownFile): void => {
    const { file } = one.memory
    const isNew = !known.has(file)
    known.set(file, one)
    store.set('files', file, one.memory)
    if (!isNew) return
    const sorted = [...known].sort(([a], [b]) => compareText(a, b))
    known.clear()
    for (const [path, each] of sorted) known.set(path, each)
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
    put({ memory, meant, fingerprint: print, accepted: false, diagnostics })
  }

  return {
    all: () => known,
    take: async (file, kind, print, read) => {
      const before = known.get(file)
      const memory = before?.memory ?? blank(file, kind)
      if (read.result === 'refused') {
        refuse(before, memory, print, [problem(file, read.code, read.message)])
        return {}
      }
      const { bytes } = read
      if (kind === 'package') {
        const nothing: ParsedPackage = { diagnostics: [] }
        const parsed = await guarded(file, () => parsers.package(file, bytes), nothing)
        if (parsed.package === undefined || failed(parsed.diagnostics)) {
          refuse(before, memory, print, parsed.diagnostics)
          return {}
        }
        const { digest } = parsed.package
        const diagnostics = parsed.diagnostics
        put({ memory: { ...memory, digest }, meant: true, fingerprint: print, accepted: true, diagnostics })
        return { package: parsed.package, bytes }
      }
      if (isBlank(bytes) && memory.documents.length > 0) {
        const message = 'the file is empty; delete it to remove its objects'
        refuse(before, memory, print, [problem(file, 'EMPTY_FILE', message)])
        return {}
      }
      const nothing: ParsedManifest = { documents: [], diagnostics: [] }
      const parsed = isBlank(bytes) ? nothing : await guarded(file, () => parsers.manifest(file, bytes), nothing)
      const { documents, diagnostics } = parsed
      if (failed(diagnostics)) {
        refuse(before, memory, print, diagnostics)
        return {}
      }
      const source = Buffer.from(bytes).toString('base64')
      put({ memory: { ...memory, source, documents }, meant: true, fingerprint: print, accepted: true, diagnostics })
      return {}
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
