import { randomBytes } from 'node:crypto'
import { open, type FileHandle } from 'node:fs/promises'

const SHORTEST_TOKEN = 16

/**
 * The bearer token in a file that only its owner may read. Makes the file, with a fresh token, where there is none.
 * Throws when others may read or write it, or when it holds no token.
 */
export const loadToken = async (path: string): Promise<string> => {
  const made = await create(path)
  if (made !== undefined) return made
  await using file = await open(path, 'r')
  const { mode } = await file.stat()
  if ((mode & 0o077) !== 0) {
    throw new Error(`${path} may be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`)
  }
  const token = (await file.readFile('utf8')).trim()
  if (token.length < SHORTEST_TOKEN || /\s/.test(token)) {
    throw new Error(
      `${path} must hold one token of at least ${SHORTEST_TOKEN} characters; remove it to get a fresh one`,
    )
  }
  return token
}

const create = async (path: string): Promise<string | undefined> => {
  let file: FileHandle
  try {
    file = await open(path, 'wx', 0o600)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return undefined
    throw error
  }
  try {
    const token = randomBytes(32).toString('base64url')
    await file.writeFile(`${token}\n`)
    return token
  } finally {
    await file.close()
  }
}
