import { mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { Log } from '../model/log.ts'
import { isTemporary } from './disk.ts'
import { recordShapes, type RecordKind, type Records } from './records.ts'

/** Raised when a record's form changes; a file of a higher number was written by a newer sond. */
const schema = 1

/** How many damaged files are kept for a look. */
const keptAside = 100

/** A record as it stands on disk. */
export const serialize = (kind: RecordKind, key: string, value: unknown): string =>
  `${JSON.stringify({ schema, kind, key, value }, null, 1)}\n`

type Parsed<K extends RecordKind> = { readonly key: string; readonly value: Records[K] } | { readonly wrong: string }

const parseRecord = <K extends RecordKind>(kind: K, content: string): Parsed<K> => {
  let found: unknown
  try {
    found = JSON.parse(content)
  } catch {
    return { wrong: content.trim() === '' ? 'it is empty' : 'it is cut off or not JSON' }
  }
  if (typeof found !== 'object' || found === null) return { wrong: 'it is no record' }
  const fields = new Map<string, unknown>(Object.entries(found))
  const key = fields.get('key')
  const value = fields.get('value')
  if (fields.get('schema') !== schema)
    return { wrong: `it has schema ${String(fields.get('schema'))}, not ${String(schema)}` }
  if (fields.get('kind') !== kind || typeof key !== 'string') return { wrong: `it is no record of ${kind}` }
  const isRecord: (candidate: unknown) => candidate is Records[K] = recordShapes[kind]
  return isRecord(value) ? { key, value } : { wrong: `its fields are not those of ${kind}` }
}

/** Puts a damaged file where it does no harm and can be looked at. Never throws. */
export const moveAside = async (directory: string, path: string, log: Log): Promise<void> => {
  const aside = join(directory, 'aside')
  try {
    await mkdir(aside, { recursive: true, mode: 0o700 })
    const old = (await readdir(aside)).sort()
    const room = old.slice(0, Math.max(0, old.length - keptAside + 1))
    await Promise.all(room.map((name) => rm(join(aside, name), { recursive: true, force: true })))
    await rename(path, join(aside, `${new Date().toISOString()}-${basename(path)}`))
  } catch (error) {
    log.warn('cannot move a damaged state file aside', { path, error: String(error) })
  }
}

const loadKind = async <K extends RecordKind>(
  directory: string,
  kind: K,
  log: Log,
): Promise<Map<string, Records[K]>> => {
  const folder = join(directory, kind)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const table = new Map<string, Records[K]>()
  for (const name of (await readdir(folder)).sort()) {
    const path = join(folder, name)
    // A temporary file is what a crash left of a write that did not happen.
    if (isTemporary(name)) {
      await rm(path, { force: true })
      continue
    }
    if (!name.endsWith('.json')) continue
    let parsed: Parsed<K>
    try {
      parsed = parseRecord(kind, await readFile(path, 'utf8'))
    } catch (error) {
      parsed = { wrong: `it cannot be read: ${String(error)}` }
    }
    if ('wrong' in parsed) {
      log.warn('state file is damaged, moved aside', { path, reason: parsed.wrong })
      await moveAside(directory, path, log)
    } else {
      table.set(parsed.key, parsed.value)
    }
  }
  return table
}

/** Reads every record of the state directory, which is made when missing. */
export const loadRecords = async (
  directory: string,
  log: Log,
): Promise<{ [K in RecordKind]: Map<string, Records[K]> }> => {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  return {
    files: await loadKind(directory, 'files', log),
    objects: await loadKind(directory, 'objects', log),
    packages: await loadKind(directory, 'packages', log),
    tombstones: await loadKind(directory, 'tombstones', log),
    directories: await loadKind(directory, 'directories', log),
    statuses: await loadKind(directory, 'statuses', log),
    topology: await loadKind(directory, 'topology', log),
    histories: await loadKind(directory, 'histories', log),
    scriptEnds: await loadKind(directory, 'scriptEnds', log),
  }
}
