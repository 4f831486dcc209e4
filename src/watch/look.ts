import type { Log } from '../model/log.ts'
import type { PackageDigest } from '../model/names.ts'
import type { Store } from '../store/store.ts'
import { createAbsenceJudge, type Absence } from './absence.ts'
import { createAhead } from './ahead.ts'
import type { Arrivals } from './arrivals.ts'
import { assignObjects } from './assign.ts'
import { buildCatalog } from './catalog.ts'
import { openKnownFiles } from './known.ts'
import { openSettled, wholeBytes } from './read.ts'
import { scanDirectory, type FoundFile, type Scan } from './scan.ts'
import { createSettle } from './settle.ts'
import { openShelf } from './shelf.ts'
import type { Catalog, Clock, HeldPrune, Parsers } from './types.ts'

export interface LookOptions {
  readonly directory: string
  readonly settleMs: number
  readonly maxPrunePercent: number
  readonly parsers: Parsers
  readonly store: Store
  readonly log: Log
  readonly clock: Clock
  readonly arrivals: Arrivals
}

export interface Looked {
  readonly catalog: Catalog
  readonly scan: Scan
  /** Milliseconds after which something may be decided that was not yet; undefined when all is. */
  readonly pending: number | undefined
}

/** Looks at the directory, one look at a time: from what is on disk and what is remembered to a catalog. */
export interface Looker {
  look(): Promise<Looked>
  markDeliberate(files: readonly string[]): void
  confirm(files: readonly string[]): void
}

/** A file whose last change is so old rested before we came; the kernel's clock is coarse, so with a margin. Milliseconds. */
const restedFor = (settleMs: number): number => Math.max(2000, 2 * settleMs)
/** Packages that are read ahead at one time: more come at once only to fill the memory. */
const mostAhead = 4
/** A file that never rests does not keep the first look from being complete longer than so many settle times. */
const patience = 25

/** Between tries to keep a copy that the disk did not take, doubling. Milliseconds. */
const firstCopyPause = 1_000
const longestCopyPause = 60_000

/** Opens what is remembered. Reading the directory begins with the first look. */
export const openLooker = async (options: LookOptions): Promise<Looker> => {
  const { directory, settleMs, store, log, clock, arrivals } = options
  const ahead = createAhead(options.parsers)
  const { parsers } = ahead
  const timestamp = (): string => new Date(clock.now()).toISOString()
  const known = openKnownFiles({ store, parsers, now: timestamp })
  const shelf = await openShelf({ store, parsers, log, now: timestamp })
  const judge = createAbsenceJudge({ ...options, timestamp })
  const settle = createSettle(settleMs)
  const opened = clock.monotonic()
  /** What was read ahead, by file. */
  const begun = new Map<string, string>()
  let underWay = 0
  let looks = 0
  let complete = false
  /** A full disk is not hammered with copies: each try reads a package, and fills what room there is until it fails. */
  const copies = { after: -Infinity, pause: firstCopyPause }
  /** Nothing was ever remembered of this directory. */
  let stranger = store.get('directories', directory) === undefined

  /** Reads one file that rests; false when it turned out not to. */
  const read = async (file: string, { kind, fingerprint, obstacle }: FoundFile): Promise<boolean> => {
    if (obstacle !== undefined) {
      const message = `the file cannot be read: ${obstacle}`
      await known.take(file, kind, fingerprint, { result: 'refused', code: 'UNREADABLE', message })
      return true
    }
    const opened = await openSettled(directory, file, kind, fingerprint)
    if (opened.result === 'changed') return false
    await using content = opened.result === 'open' ? opened.content : undefined
    // Asked before the file's own memory changes: a package that a file holds already is not onboarded anew.
    const held = kind === 'package' ? new Set([...known.all().values()].map(({ memory }) => memory.digest)) : undefined
    // What could not be read is tried again at every look: the reason may go without the file changing.
    const read = opened.result === 'refused' && opened.code === 'UNREADABLE' ? '' : fingerprint
    const taken = await known.take(file, kind, read, opened)
    if (taken?.package !== undefined && content !== undefined) {
      if (held?.has(taken.package.digest) === true) await shelf.confirm(taken.package, content)
      else await shelf.onboard(taken.package, content)
    }
    return taken !== undefined
  }

  /** Copies that could not be kept, for want of room say, are tried again; the first that cannot be ends it for this look. */
  const keepCopies = async (scan: Scan): Promise<void> => {
    if (clock.monotonic() < copies.after) return
    for (const [file, { memory, accepted, fingerprint }] of known.all()) {
      const { digest } = memory
      const isMeant = accepted && scan.files.get(file)?.fingerprint === fingerprint
      if (digest === undefined || !isMeant || store.blobs.has(digest)) continue
      const opened = await openSettled(directory, file, 'package', fingerprint)
      if (opened.result !== 'open') continue
      await using content = opened.content
      if (await store.blobs.write(digest, content)) continue
      copies.after = clock.monotonic() + copies.pause
      copies.pause = Math.min(copies.pause * 2, longestCopyPause)
      return
    }
    copies.pause = firstCopyPause
  }

  /** Packages take longest to understand; a file that turns out not to rest is read again. */
  const readAhead = async (file: string, { kind, fingerprint, obstacle }: FoundFile): Promise<void> => {
    if (kind !== 'package' || obstacle !== undefined || begun.get(file) === fingerprint) return
    if (underWay >= mostAhead) return
    begun.set(file, fingerprint)
    underWay += 1
    try {
      const opened = await openSettled(directory, file, kind, fingerprint, wholeBytes)
      await using content = opened.result === 'open' ? opened.content : undefined
      if (content !== undefined) await ahead.begin(file, content)
    } finally {
      underWay -= 1
    }
  }

  /** Milliseconds until a file may be read: one that came whole need not rest. */
  const left = (file: string, { obstacle, place }: FoundFile, now: number): number =>
    obstacle !== undefined || (place !== undefined && arrivals.isWhole(place)) ? 0 : settle.left(file, now)

  /** Reads what changed and rests. The older file first, so that what came last is the newest. */
  const readChanged = async (scan: Scan): Promise<{ unsettled: Set<string>; wait: number | undefined }> => {
    const now = clock.monotonic()
    const rested = clock.now() - restedFor(settleMs)
    settle.observe(
      new Map([...scan.files].map(([file, { fingerprint }]) => [file, fingerprint])),
      now,
      (file) => (scan.files.get(file)?.changed ?? Infinity) < rested,
    )
    const changed = [...scan.files].filter(
      ([file, { fingerprint }]) => known.all().get(file)?.fingerprint !== fingerprint,
    )
    changed.sort(([a, one], [b, other]) => one.modified - other.modified || (a < b ? -1 : 1))
    if (changed.length > 0) await arrivals.caughtUp()
    const unsettled = new Set<string>()
    let wait: number | undefined
    for (const [file, found] of changed) {
      const rest = left(file, found, now)
      if (rest === 0 && (await read(file, found))) continue
      unsettled.add(file)
      void readAhead(file, found)
      wait = Math.min(wait ?? Infinity, rest === 0 ? settleMs : rest)
    }
    return { unsettled, wait }
  }

  const gapsOf = (scan: Scan, absence: Absence, unsettled: ReadonlySet<string>): string[] => {
    const gaps: string[] = []
    if (absence.away !== '') gaps.push(absence.away)
    for (const [folder, reason] of scan.unreadable) gaps.push(`the folder ${folder} cannot be read: ${reason}`)
    for (const file of unsettled) if (!known.all().has(file)) gaps.push(`${file} is still being written`)
    for (const [file, { meant, accepted, memory }] of known.all()) {
      if (memory.kind === 'manifest' && !meant && !accepted) gaps.push(`what ${file} defines was never known`)
    }
    if (stranger && known.all().size === 0) gaps.push(`${directory} holds no file, and nothing is remembered of it`)
    return gaps
  }

  /** Objects that nothing defines any more get a tombstone; it is on disk before their memory goes. */
  const bury = async (present: ReadonlySet<string>): Promise<void> => {
    const buried = [...store.list('objects').values()].filter(({ key }) => !present.has(key))
    for (const { key, file, generation } of buried) {
      store.set('tombstones', key, { key, file, generation, deletedAt: timestamp() })
      log.info('object deleted', { object: key, file })
    }
    if (buried.length > 0) await store.flush()
    for (const { key } of buried) store.delete('objects', key)
  }

  const look = async (): Promise<Looked> => {
    const scan = await scanDirectory(directory, store.directory)
    const { unsettled, wait } = await readChanged(scan)
    looks += 1
    if (looks === 1) await known.reviveUnread()
    const absence = judge.judge({ scan, known: known.all(), unsettled, now: clock.monotonic() })
    known.forget(absence.gone)
    for (const file of begun.keys()) if (!unsettled.has(file)) begun.delete(file)
    if (known.all().size > 0) stranger = false
    if (absence.away === '') {
      complete ||= unsettled.size === 0 || clock.monotonic() - opened > patience * settleMs
    }

    const assignment = assignObjects(known.all().values(), store.list('objects'), timestamp())
    for (const [key, { memory }] of assignment.objects) {
      store.set('objects', key, memory)
      store.delete('tombstones', key)
    }
    await bury(new Set<string>(assignment.objects.keys()))

    const heldFiles = new Set(absence.held?.files)
    const heldKeys = [...assignment.objects.values()].filter(({ file }) => heldFiles.has(file)).map(({ key }) => key)
    const held: HeldPrune | undefined = absence.held && { ...absence.held, objects: heldKeys }
    const catalog = buildCatalog({
      directory,
      complete,
      known: known.all(),
      assignment,
      packages: shelf.list(known.all().values()),
      kept: absence.kept,
      held,
      gaps: gapsOf(scan, absence, unsettled),
    })
    const wanted = new Set<PackageDigest>()
    for (const { digest, files } of catalog.packages) if (files.length > 0) wanted.add(digest)
    for (const { key, package: resolved } of catalog.instances.values()) {
      const memory = store.get('objects', key)
      if (resolved !== undefined) wanted.add(resolved.digest)
      if (memory === undefined || resolved === undefined) continue
      store.set('objects', key, { ...memory, package: resolved.digest })
    }
    await shelf.sweep(wanted)
    await keepCopies(scan)
    const waits = [wait, absence.wait].filter((ms) => ms !== undefined)
    const packages = catalog.packages.filter(({ digest }) => wanted.has(digest))
    return { catalog: { ...catalog, packages }, scan, pending: waits.length === 0 ? undefined : Math.min(...waits) }
  }

  return {
    look,
    markDeliberate: (files) => judge.markDeliberate(files, clock.monotonic()),
    confirm: (files) => {
      stranger = false
      judge.confirm(files)
    },
  }
}
