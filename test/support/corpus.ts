import { access } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

/**
 * A directory of genuine packages, which are their authors' and no part of this project: the one that SOND_CORPUS names, else
 * `shared/corpus` beside the checkout. Undefined where there is none.
 */
export const corpusDirectory = async (): Promise<string | undefined> => {
  const directory = process.env['SOND_CORPUS'] ?? fileURLToPath(new URL('../../../shared/corpus', import.meta.url))
  return access(directory).then(
    () => directory,
    () => undefined,
  )
}
