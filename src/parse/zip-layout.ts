import type { Entry } from 'yauzl'

// What the directory of a zip says of where things lie, before anything is unpacked.

/** A header before an entry's body (APPNOTE 4.3.7) and one in the directory (4.3.12), without the name and what follows it. */
const headerBytes = { local: 30, directory: 46 } as const

const startOf = (entry: Entry): number => entry.relativeOffsetOfLocalHeader
/** At least: how long the local header's own name is, is not known yet. */
const endOf = (entry: Entry): number => startOf(entry) + headerBytes.local + entry.compressedSize

/** Two entries made of the same bytes: a bomb, or damage. */
export const findOverlap = (entries: readonly Entry[]): readonly [Entry, Entry] | undefined => {
  let before: Entry | undefined
  for (const entry of entries.toSorted((a, b) => startOf(a) - startOf(b))) {
    if (before !== undefined && startOf(entry) < endOf(before)) return [before, entry]
    before = entry
  }
  return undefined
}

const lengthInDirectory = (entry: Entry): number =>
  headerBytes.directory + entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength

/** Bytes of the directory that these entries take. */
export const takenInDirectory = (entries: readonly Entry[]): number =>
  entries.reduce((sum, entry) => sum + lengthInDirectory(entry), 0)
