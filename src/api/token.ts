import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { open, type FileHandle } from 'node:fs/promises'

const SHORTEST_TOKEN = 16

/**
 * The bearer token in a file that only its owner may read. Makes the file, with a fresh token, where there is none.
 * Throws when others may read or write it, or when it holds no token that a header can hold.
 */
export const loadToken = async (path: string): Promise<string> => {
  const made = await create(path)
  if (made !== undefined) return made
  // A pipe would be waited for without end, and no signal ends that.
  await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const stats = await file.stat()
  if (!stats.isFile()) throw new Error(`${path} is not a file; give one that holds the token, or a name that is free`)
  const { mode, uid } = stats
  // Whoever made it knows what it holds: in a directory that all may write into, that may be anybody.
  if (uid !== 0 && uid !== process.geteuid?.())
    throw new Error(`${path} belongs to the user with the number ${uid}, who may read it; run: chown root ${path}`)
  if ((mode & 0o077) !== 0) {
    throw new Error(`${path} may be read by others (mode ${(mode & 0o777).toString(8)}); run: chmod 600 ${path}`)
  }
  const token = (await file.readFile('utf8')).trim()
  if (token.length < SHORTEST_TOKEN || !/^[!-~]+$/.test(token)) {
    throw new Error(
      `${path} must hold one token of at least ${SHORTEST_TOKEN} characters, all of ASCII and no space; remove it to get a fresh one`,
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
