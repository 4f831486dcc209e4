import { isDeepStrictEqual } from 'node:util'
import type { Diagnostic } from '../model/diagnostics.ts'
import type { ManifestDocument } from '../model/documents.ts'
import type { ObjectMemory } from '../store/records.ts'
import type { KnownFile } from './known.ts'
import { objectKeyOf, type ObjectKey } from './types.ts'

/** Which file defines an object, and what that makes of its generation. */
export interface Assigned {
  readonly key: ObjectKey
  readonly file: string
  readonly line: number
  readonly document: ManifestDocument
  readonly memory: ObjectMemory
}

export interface Assignment {
  readonly objects: ReadonlyMap<ObjectKey, Assigned>
  /** What is to be said of files because of other files, with the object it is about. */
  readonly said: ReadonlyMap<string, readonly Said[]>
}

export interface Said {
  readonly key: ObjectKey
  readonly diagnostic: Diagnostic
}

interface Candidate {
  readonly known: KnownFile
  readonly line: number
  readonly document: ManifestDocument
}

/** As it looks after a way through the store; two of these compare equal when the user wrote the same. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

const older = (a: Candidate, b: Candidate): number => a.known.memory.seen - b.known.memory.seen

/**
 * Gives every object to one file. The file that has it keeps it while it defines it; else the file that was seen first gets
 * it. Others that define it are told, and so is the owner.
 */
export const assignObjects = (
  files: Iterable<KnownFile>,
  previous: ReadonlyMap<string, ObjectMemory>,
  now: string,
): Assignment => {
  const candidates = new Map<ObjectKey, Candidate[]>()
  for (const known of files) {
    for (const { document, line } of known.memory.documents) {
      const key = objectKeyOf(document)
      const list = candidates.get(key) ?? []
      list.push({ known, line, document })
      candidates.set(key, list)
    }
  }

  const objects = new Map<ObjectKey, Assigned>()
  const said = new Map<string, Said[]>()
  const say = (severity: Diagnostic['severity'], { known, line }: Candidate, key: ObjectKey, message: string): void => {
    const { file } = known.memory
    const text = `${key} ${message}`
    const diagnostic = { severity, code: 'DUPLICATE_OBJECT', message: text, file, line, column: 1, path: '' }
    said.set(file, [...(said.get(file) ?? []), { key, diagnostic }])
  }

  for (const [key, list] of candidates) {
    const before = previous.get(key)
    const [eldest, ...others] = list.sort(older)
    if (eldest === undefined) continue
    const owner = list.find(({ known }) => known.memory.file === before?.file) ?? eldest
    const { file } = owner.known.memory
    for (const other of [eldest, ...others].filter((one) => one !== owner)) {
      const at = other.known.memory.file
      const where = at === file ? `line ${owner.line} of this file` : `${file}:${owner.line}`
      say('error', other, key, `is defined by ${where} already, which counts; remove it from ${at} or from ${file}`)
      if (at !== file) say('notice', owner, key, `is defined by ${at}:${other.line} too; that one is ignored`)
    }
    const same = before !== undefined && isDeepStrictEqual(plain(before.document.spec), plain(owner.document.spec))
    const memory: ObjectMemory = {
      ...before,
      key,
      file,
      document: owner.document,
      createdAt: before?.createdAt ?? now,
      generation: before === undefined ? 1 : before.generation + (same ? 0 : 1),
    }
    objects.set(key, { key, file, line: owner.line, document: owner.document, memory })
  }
  return { objects, said }
}
