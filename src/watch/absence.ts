import type { Log } from '../model/log.ts'
import type { Store } from '../store/store.ts'
import { matters, type KnownFile } from './known.ts'
import { holdReason } from './prune.ts'
import { isHidden, type Scan } from './scan.ts'
import { objectKeyOf } from './types.ts'

/** What a look makes of files that are known and were not found. */
export interface Absence {
  /** Why nothing is known of the directory at all; empty when it could be read. */
  readonly away: string
  /** Gone for good. */
  readonly gone: readonly string[]
  /** Kept although they are not there, each with what the user is told. */
  readonly kept: ReadonlyMap<string, string>
  /** Deletions that wait for a person. */
  readonly held: { readonly files: readonly string[]; readonly reason: string; readonly since: string } | undefined
  /** Milliseconds after which to look again, when something is not decided yet. */
  readonly wait: number | undefined
}

export interface AbsenceJudge {
  judge(facts: Facts): Absence
  /** The guard does not hold these files, for a while. */
  markDeliberate(files: readonly string[], now: number): void
  /** What is held now may go. */
  confirm(files: readonly string[]): void
}

export interface Facts {
  readonly scan: Scan
  readonly known: ReadonlyMap<string, KnownFile>
  /** Files still being written. */
  readonly unsettled: ReadonlySet<string>
  /** Milliseconds that never jump. */
  readonly now: number
}

interface Context {
  readonly directory: string
  readonly settleMs: number
  readonly maxPrunePercent: number
  readonly store: Store
  readonly log: Log
  /** ISO 8601. */
  readonly timestamp: () => string
}

/** A mark for a deliberate deletion that nobody made is void after this. Milliseconds. */
const markLifetime = 10_000
/** A deletion waits for files that are being written, as they may hold the same objects, but not longer than so many settle times. */
const patience = 25

const isElsewhere = (file: KnownFile, others: Iterable<KnownFile>): boolean => {
  const keys = new Set(file.memory.documents.map(({ document }) => objectKeyOf(document)))
  let digest = file.memory.digest
  for (const { memory } of others) {
    for (const { document } of memory.documents) keys.delete(objectKeyOf(document))
    if (memory.digest === digest) digest = undefined
  }
  return keys.size === 0 && digest === undefined
}

/** Tells deletions that are meant from accidents. What is held stays held, over restarts too, until it is back or confirmed. */
export const createAbsenceJudge = (context: Context): AbsenceJudge => {
  const { directory, settleMs, maxPrunePercent, store, log, timestamp } = context
  const marks = new Map<string, number>()
  const confirmed = new Set<string>()
  let missingBefore: ReadonlySet<string> = new Set()
  let missingSince = 0
  /** The directory was away, or another one, and its files were not counted since. */
  let returned = false
  let awaySince = ''

  const remembered = () => store.get('directories', directory)

  const sinceOf = (since = ''): string => (since === '' ? timestamp() : since)

  const remember = (scan: Scan, held: readonly string[], heldBecause: string): void => {
    if (scan.root === undefined) return
    const heldSince = held.length === 0 ? '' : sinceOf(remembered()?.heldSince)
    store.set('directories', directory, { ...scan.root, held, heldBecause, heldSince })
  }

  const whyAway = (scan: Scan, known: Facts['known']): string => {
    if (scan.root === undefined) return `the directory ${directory} cannot be read: ${scan.error}`
    const before = remembered()
    if (before === undefined || (before.device === scan.root.device && before.inode === scan.root.inode)) return ''
    returned = true
    const remaining = [...known.keys()].some((file) => !confirmed.has(file))
    return scan.files.size === 0 && remaining
      ? `the directory ${directory} is empty and not the one it was: is its file system mounted?`
      : ''
  }

  const heldNow = (files: readonly string[], reason: string, since: string): Absence['held'] =>
    files.length === 0 ? undefined : { files, reason, since }

  const judgeAway = (away: string, known: Facts['known']): Absence => {
    returned = true
    missingBefore = new Set()
    awaySince = sinceOf(awaySince)
    const files = [...known.values()].filter(matters).map(({ memory }) => memory.file)
    const gone = [...known.keys()].filter((file) => confirmed.has(file))
    for (const file of gone) confirmed.delete(file)
    const rest = files.filter((file) => !gone.includes(file))
    const reason = `${away}; nothing is deleted. Bring it back, or confirm with \`sonctl prune --confirm\` that all of it shall go`
    const kept = new Map(rest.map((file) => [file, `the file is not there: ${away}; what it said stays in force`]))
    return { away, gone, kept, held: heldNow(rest, reason, awaySince), wait: undefined }
  }

  /** Of the missing files, those whose deletion needs no thought. */
  const believed = (missing: readonly string[], now: number): Set<string> => {
    for (const [file, since] of marks) if (now - since > markLifetime) marks.delete(file)
    const gone = new Set(missing.filter((file) => marks.has(file) || confirmed.has(file)))
    for (const file of gone) marks.delete(file)
    confirmed.clear()
    return gone
  }

  const judgePresent = ({ scan, known, unsettled, now }: Facts): Absence => {
    awaySince = ''
    const kept = new Map<string, string>()
    const missing: string[] = []
    for (const file of known.keys()) {
      if (scan.files.has(file)) continue
      if (isHidden(scan, file)) kept.set(file, 'the folder of this file cannot be read; what it said stays in force')
      else missing.push(file)
    }
    const gone = believed(missing, now)
    const heldBefore = remembered()?.held ?? []
    let held = heldBefore.filter((file) => known.has(file) && !scan.files.has(file) && !gone.has(file))
    let because = held.length === 0 ? '' : (remembered()?.heldBecause ?? '')
    const fresh = missing.filter((file) => !gone.has(file) && !held.includes(file))
    if (fresh.some((file) => !missingBefore.has(file))) missingSince = now
    missingBefore = new Set(fresh)

    const age = now - missingSince
    const ripe = age >= settleMs && (unsettled.size === 0 || age >= patience * settleMs)
    const wait = fresh.length === 0 || ripe ? undefined : Math.max(1, settleMs - age)
    if (wait === undefined) {
      const there = [...known.values()].filter(({ memory }) => scan.files.has(memory.file))
      const lost = fresh.filter((file) => {
        const one = known.get(file)
        return one !== undefined && matters(one) && !isElsewhere(one, there)
      })
      const defining = [...known.values()].filter(({ memory }) => memory.documents.length > 0)
      const reason = holdReason({
        directory,
        lost,
        lostManifests: defining.filter(({ memory }) => lost.includes(memory.file)).length,
        manifests: defining.length,
        present: scan.files.size,
        returned,
        maxPrunePercent,
      })
      for (const file of fresh) if (reason === undefined || !lost.includes(file)) gone.add(file)
      if (reason !== undefined) {
        held = [...held, ...lost]
        because = reason
        log.warn('deletions are held back', { files: lost, reason })
      }
      if (unsettled.size === 0) returned = false
    }
    for (const file of held)
      kept.set(file, 'the file is gone and its deletion is held back; what it said stays in force')
    if (remembered() !== undefined || scan.files.size > 0) remember(scan, held, because)
    return { away: '', gone: [...gone], kept, held: heldNow(held, because, remembered()?.heldSince ?? ''), wait }
  }

  return {
    judge: (facts) => {
      const away = whyAway(facts.scan, facts.known)
      return away === '' ? judgePresent(facts) : judgeAway(away, facts.known)
    },
    markDeliberate: (files, now) => {
      for (const file of files) marks.set(file, now)
    },
    confirm: (files) => {
      for (const file of files) confirmed.add(file)
    },
  }
}
