import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { isMap, parseAllDocuments, type Document } from 'yaml'
import { ApiError } from '../api/errors.ts'

/** Edits of files in the watched directory. Each file is replaced in one step, so that nobody reads half of one. */

/** Writes beside and renames; the temporary name is one that the watcher ignores. */
export const replaceManifest = async (directory: string, file: string, content: string | Uint8Array): Promise<void> => {
  const path = join(directory, file)
  await mkdir(dirname(path), { recursive: true })
  const temporary = join(dirname(path), `.${file.split('/').at(-1) ?? ''}.${String(process.pid)}.tmp`)
  try {
    await writeFile(temporary, content, { mode: 0o644 })
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw new ApiError('UNAVAILABLE', `cannot write ${path}: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const defines = (document: Document, kind: string, name: string): boolean =>
  document.get('kind') === kind && document.getIn(['metadata', 'name']) === name

const read = async (directory: string, file: string): Promise<readonly Document[]> => {
  const documents: readonly Document[] = parseAllDocuments(await readFile(join(directory, file), 'utf8'))
  return documents.filter((document) => isMap(document.contents))
}

const joined = (documents: readonly Document[]): string =>
  documents.map((document) => String(document).replace(/^---\n/, '')).join('---\n')

/** How many objects a file defines. */
export const countDocuments = async (directory: string, file: string): Promise<number> =>
  (await read(directory, file)).length

/** Removes the file, or the one document from a file of several. */
export const removeDocument = async (directory: string, file: string, kind: string, name: string): Promise<void> => {
  const documents = await read(directory, file)
  const rest = documents.filter((document) => !defines(document, kind, name))
  if (rest.length === 0) await rm(join(directory, file), { force: true })
  else await replaceManifest(directory, file, joined(rest))
}

/** Sets one field of one document; comments and the order of everything else stay. */
export const setField = async (
  directory: string,
  file: string,
  target: { readonly kind: string; readonly name: string },
  path: readonly string[],
  value: unknown,
): Promise<void> => {
  const documents = await read(directory, file)
  const document = documents.find((one) => defines(one, target.kind, target.name))
  if (document === undefined) throw new ApiError('NOT_FOUND', `${file} does not define ${target.kind} ${target.name}`)
  document.setIn(path, value)
  await replaceManifest(directory, file, joined(documents))
}
