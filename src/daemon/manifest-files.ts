import { randomUUID } from 'node:crypto'
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Document, isMap, isSeq, parseDocument, type DocumentOptions, type SchemaOptions, type ScalarTag } from 'yaml'
import { ApiError } from '../api/errors.ts'
import { shownFields } from '../parse/shown.ts'
import { heldPath, reach } from '../watch/follow.ts'
import { oddity } from '../watch/scan.ts'

/**
 * Edits of files in the watched directory. Each file is replaced in one step, so that nobody reads half of one. Links are followed
 * as the watcher does: no edit reads, replaces or removes what a user's link alone leads to.
 */

const reasonOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
const isMissing = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT'

type Content = string | AsyncIterable<Uint8Array>

/**
 * Writes beside and renames; the temporary name is one that the watcher ignores. Manifests may hold passwords: a file keeps its owner and
 * who may read it, and a new one is for its owner and its group.
 */
export const replaceManifest = async (directory: string, file: string, content: Content): Promise<void> => {
  const path = join(directory, file)
  try {
    await mkdir(dirname(path), { recursive: true })
    await using folder = (await reach(directory, dirname(file))).handle
    const temporary = heldPath(folder, `.${basename(file)}.${randomUUID().slice(0, 8)}.tmp`)
    try {
      await writeLike(await ownership(directory, file), temporary, content)
      await rename(temporary, heldPath(folder, basename(file)))
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined)
      throw error
    }
  } catch (error) {
    throw new ApiError('UNAVAILABLE', `cannot write ${path}: ${reasonOf(error)}`, { cause: error })
  }
}

interface Ownership {
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

/** Undefined for a file that is not there, or no edit may follow. */
const ownership = async (directory: string, file: string): Promise<Ownership | undefined> => {
  try {
    await using held = (await reach(directory, file)).handle
    return await held.stat()
  } catch {
    return undefined
  }
}

const writeLike = async (model: Ownership | undefined, path: string, content: Content): Promise<void> => {
  await using file = await open(path, 'wx', model === undefined ? 0o640 : 0o600)
  await file.writeFile(content)
  if (model === undefined) return
  const { uid, gid } = await file.stat()
  // Only root may give files away. The mode comes last: a change of the owner may take bits of it.
  if (uid !== model.uid || gid !== model.gid) await file.chown(model.uid, model.gid).catch(() => undefined)
  await file.chmod(model.mode & 0o777)
}

/** Text of a file; undefined when it is not there. */
export const readManifest = async (directory: string, file: string): Promise<string | undefined> => {
  const path = join(directory, file)
  try {
    const { handle, stats } = await reach(directory, file)
    await using held = handle
    const odd = oddity(stats)
    if (odd !== undefined) throw new Error(`it is ${odd}, not a regular file`)
    return await readFile(heldPath(held), 'utf8')
  } catch (error) {
    if (isMissing(error)) return undefined
    throw new ApiError('UNAVAILABLE', `cannot read ${path}: ${reasonOf(error)}`, { cause: error })
  }
}

/** Removes a file; one that is gone already is no error. */
export const removeFile = async (directory: string, file: string): Promise<void> => {
  try {
    await using folder = (await reach(directory, dirname(file))).handle
    await rm(heldPath(folder, basename(file)), { force: true })
  } catch (error) {
    if (isMissing(error)) return
    throw new ApiError('UNAVAILABLE', `cannot remove ${join(directory, file)}: ${reasonOf(error)}`, { cause: error })
  }
}

/** A document of a YAML stream, as it stands there. */
interface Part {
  /** With the marker before it and the comments around it. */
  readonly text: string
  /** Line of the text's beginning, from 1. */
  readonly line: number
  readonly document: Document
}

// A line that begins so is a marker wherever it stands (YAML 1.2.2 §9.1.2): no scalar may hold it at its beginning.
const isMarker = (line: string): boolean => /^---(?:\s|$)/.test(line)

/** Labels and environment mean numbers as they stand there (`007`, `1e3`): so they are written again. */
const asWritten = (tag: ScalarTag): ScalarTag => ({
  ...tag,
  stringify: (item, ...rest) => item.source ?? tag.stringify?.(item, ...rest) ?? String(item.value),
})

const reading: SchemaOptions & DocumentOptions & { readonly logLevel: 'silent' } = {
  logLevel: 'silent',
  customTags: (tags) =>
    tags.map((tag) =>
      typeof tag !== 'string' && /:(?:int|float)$/.test(tag.tag) && !tag.collection ? asWritten(tag) : tag,
    ),
}

/** The documents of a stream one by one, so that an edit of one leaves every other as it is, to the byte. */
const splitManifest = (text: string): readonly Part[] => {
  const lines = text.split(/(?<=\n)/)
  const starts = [0, ...lines.keys().filter((index) => index > 0 && isMarker(lines[index] ?? ''))]
  return starts.map((start, index) => {
    const part = lines.slice(start, starts[index + 1] ?? lines.length).join('')
    return { text: part, line: start + 1, document: parseDocument(part, reading) }
  })
}

const holdsSomething = ({ document }: Part): boolean => document.contents !== null || document.errors.length > 0

const defines =
  (kind: string, name: string) =>
  ({ document }: Part): boolean =>
    document.errors.length === 0 &&
    isMap(document.contents) &&
    document.get('kind') === kind &&
    document.getIn(['metadata', 'name']) === name

const itemsOf = ({ document }: Part): readonly unknown[] => {
  const items = isMap(document.contents) && document.get('kind') === 'List' ? document.get('items') : undefined
  return isSeq(items) ? items.items : []
}

/** How many documents with content a text has, and objects in lists. */
export const countDocuments = (text: string): number =>
  splitManifest(text)
    .filter(holdsSomething)
    .reduce((count, part) => count + Math.max(1, itemsOf(part).length), 0)

/**
 * The document that begins on that line of the text or before, with its comments and without the marker before it; or that item of
 * it. Without what the daemon adds to objects that it shows: no file of a user's holds a status.
 */
export const documentAt = (text: string, line: number, item?: number): string => {
  const part = splitManifest(text).findLast((one) => one.line <= line)
  if (part === undefined) return '\n'
  const document = item === undefined ? part.document : new Document(itemsOf(part)[item], reading)
  const shown = shownFields.filter((path) => document.hasIn(path))
  for (const path of shown) document.deleteIn(path)
  const bare = item === undefined && shown.length === 0 ? part.text : textOf(document)
  const unmarked = bare.replace(/^---[ \t]*\n/, '')
  return unmarked.endsWith('\n') ? unmarked : `${unmarked}\n`
}

const textOf = (document: Document): string => {
  try {
    return document.toString({ lineWidth: 0 })
  } catch (cause) {
    throw new ApiError('INVALID', `the manifest cannot be taken apart: ${reasonOf(cause)}`, {
      cause,
      next: 'write what an alias stands for in its place',
    })
  }
}

const wrongFile = (directory: string, file: string, kind: string, name: string): ApiError =>
  new ApiError(
    'CONFLICT',
    `${file} does not say plainly where ${kind} ${name} is defined: it is in a kind: List, or nowhere as it stands`,
    {
      next: `edit ${join(directory, file)} itself`,
    },
  )

/** Removes the file, or the one document from a file of several. */
export const removeDocument = async (directory: string, file: string, kind: string, name: string): Promise<void> => {
  const text = await readManifest(directory, file)
  const parts = splitManifest(text ?? '').filter(holdsSomething)
  const isIt = defines(kind, name)
  const meant = parts.filter(isIt)
  // A file that nobody can read any more, and that held this object alone.
  const isLost = parts.length <= 1 && parts.every(({ document }) => document.errors.length > 0)
  if (meant.length === 0 && !isLost) throw wrongFile(directory, file, kind, name)
  if (isLost || parts.length === meant.length) {
    await removeFile(directory, file)
    return
  }
  const rest = splitManifest(text ?? '').filter((part) => !isIt(part))
  await replaceManifest(directory, file, rest.map((part) => part.text).join(''))
}

/** Sets one field of one document; comments and the order of everything else stay. */
export const setField = async (
  directory: string,
  file: string,
  target: { readonly kind: string; readonly name: string },
  path: readonly string[],
  value: unknown,
): Promise<void> => {
  const parts = splitManifest((await readManifest(directory, file)) ?? '')
  const meant = parts.find(defines(target.kind, target.name))
  if (meant === undefined) throw wrongFile(directory, file, target.kind, target.name)
  const { document } = meant
  document.setIn(path, value)
  const marker = /^---[ \t]*\n/.exec(meant.text)?.[0] ?? ''
  const written = `${marker}${document.toString({ lineWidth: 0 }).replace(/^---\n/, '')}`
  await replaceManifest(directory, file, parts.map((part) => (part === meant ? written : part.text)).join(''))
}
