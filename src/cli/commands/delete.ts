import { parseAllDocuments } from 'yaml'
import { definableKinds, type DeletedObject } from '../../api/backend.ts'
import { kindNames } from '../../api/kinds.ts'
import { ApiRefusal, type Client } from '../client.ts'
import type { CliContext } from '../context.ts'
import { CliError, errorLines, usageError, type ExitCode } from '../errors.ts'
import { objectPath, requireReferences, showReference, type Reference } from '../reference.ts'
import { findSources, isPackageFile, readSource } from '../sources.ts'
import { waitForOne } from './wait.ts'

export interface DeleteOptions {
  readonly files: readonly string[]
  /** Until they are gone. */
  readonly wait: boolean
  readonly timeoutMs: number
  readonly ignoreNotFound: boolean
}

/** Removes what is named, or what files define. */
export const deleteObjects = async (
  context: CliContext,
  words: readonly string[],
  options: DeleteOptions,
): Promise<ExitCode> => {
  if (words.length > 0 && options.files.length > 0) throw usageError('name objects or files, not both')
  const references = options.files.length > 0 ? await definedIn(context, options.files) : requireReferences(words)
  const unfit = references.find(({ kind }) => kind === 'File')
  if (unfit !== undefined) throw usageError(`${showReference(unfit)}: delete what the file defines, or remove the file`)
  const api = await context.client()
  let failed = false
  for (const reference of references) failed = !(await deleteOne(context, api, reference, options)) || failed
  return failed ? 1 : 0
}

const deleteOne = async (
  context: CliContext,
  api: Client,
  reference: Reference,
  options: DeleteOptions,
): Promise<boolean> => {
  const { io } = context
  try {
    const { file } = await api.json<DeletedObject>(objectPath(reference), { method: 'DELETE' })
    io.out(`${showReference(reference)} removed from ${file}\n`)
  } catch (error) {
    if (!(error instanceof ApiRefusal)) throw error
    if (error.code === 'NOT_FOUND' && options.ignoreNotFound) return true
    io.err(errorLines(error))
    return false
  }
  if (!options.wait || reference.kind === 'Package') return true
  return waitForOne(context, api, reference, { goal: { kind: 'delete' }, timeoutMs: options.timeoutMs })
}

/** Kinds and names in manifests; whether these are valid otherwise does not matter here. */
const definedIn = async ({ io }: CliContext, files: readonly string[]): Promise<readonly Reference[]> => {
  const references: Reference[] = []
  for (const source of await findSources(files, io)) {
    const { file } = source
    if (isPackageFile(file)) throw usageError(`${file}: delete a package by its name: sonctl delete package NAME`)
    for (const document of parseAllDocuments((await readSource(source)).toString('utf8'))) {
      const kindText = document.getIn(['kind'])
      const name = document.getIn(['metadata', 'name'])
      const kind = definableKinds.find((each) => each === kindText)
      if (kind === undefined || typeof name !== 'string') {
        throw new CliError(`${file}: a document does not say kind and metadata.name`, {
          next: `Kinds: ${definableKinds.map((each) => `${each} (${kindNames[each].singular})`).join(', ')}.`,
        })
      }
      references.push({ kind, name })
    }
  }
  return references
}
