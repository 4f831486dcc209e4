import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface Lock {
  /** Gives the directory free. Never throws. */
  release(): Promise<void>
}

/** Another daemon lives in this state directory. `message` is for the user. */
export class LockedError extends Error {
  readonly pid: number
  readonly directory: string

  constructor(directory: string, pid: number) {
    super(
      `the state directory ${directory} is in use by another sond, process ${pid}; ` +
        `stop that one first, or give this one its own with --state-dir`,
    )
    this.name = 'LockedError'
    this.pid = pid
    this.directory = directory
  }
}

interface Holder {
  readonly pid: number
  /** Clock ticks after boot at which the process began, and the boot: together they tell it from a later one of that pid. */
  readonly start: string
  readonly boot: string
  /** Tells one lock from the next of the same process. */
  readonly nonce: string
}

export interface LockOptions {
  /** Where the kernel tells about processes. */
  readonly proc?: string
  readonly pid?: number
}

const hasCode = (error: unknown, code: string): boolean =>
  error instanceof Error && 'code' in error && error.code === code

/** Field 22 of /proc/PID/stat (proc(5)); the name in field 2 may hold spaces and parentheses. Undefined: no such process, or it is dead. */
const startOf = async (proc: string, pid: number): Promise<string | undefined> => {
  try {
    const stat = await readFile(join(proc, String(pid), 'stat'), 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state] = fields
    return state === 'Z' || state === 'X' ? undefined : fields[19]
  } catch {
    return undefined
  }
}

const bootId = async (proc: string): Promise<string> => {
  try {
    return (await readFile(join(proc, 'sys/kernel/random/boot_id'), 'latin1')).trim()
  } catch {
    return ''
  }
}

const parseHolder = (content: string): Holder | undefined => {
  const [pid = '', start = '', boot = '', nonce = ''] = content.trim().split('\n')
  return /^[1-9]\d*$/.test(pid) && nonce !== '' ? { pid: Number(pid), start, boot, nonce } : undefined
}

const readText = async (path: string): Promise<string | undefined> => {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

const removeQuietly = async (path: string): Promise<void> => {
  await rm(path, { force: true }).catch(() => undefined)
}

/**
 * Takes the state directory for this process. A lock is a file that appears whole by `link(2)`, which fails when there is
 * one already. One whose process is gone is stale: it is renamed away, and only what was renamed away and proves to be
 * the stale one is dropped, so that of two that try at once one wins.
 *
 * @throws LockedError when a live process holds it.
 */
export const acquireLock = async (directory: string, options: LockOptions = {}): Promise<Lock> => {
  const { proc = '/proc', pid = process.pid } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, 'lock')
  const boot = await bootId(proc)
  const nonce = randomBytes(8).toString('hex')
  const mine = `${[String(pid), (await startOf(proc, pid)) ?? '', boot, nonce].join('\n')}\n`
  const proposal = join(directory, `.lock-${nonce}`)

  const isAlive = async (holder: Holder): Promise<boolean> => {
    if (holder.boot !== boot) return false
    const start = await startOf(proc, holder.pid)
    return start !== undefined && start === holder.start
  }

  const release = async (): Promise<void> => {
    const now = await readText(path).catch(() => undefined)
    if (now === mine) await removeQuietly(path)
  }

  await writeFile(proposal, mine, { mode: 0o600, flag: 'wx', flush: true })
  try {
    // Ends: every round either takes the lock, finds a live holder, or removes one stale lock.
    for (let round = 0; round < 100; round += 1) {
      try {
        await link(proposal, path)
        return { release }
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error
      }
      const content = await readText(path)
      if (content === undefined) continue
      const holder = parseHolder(content)
      if (holder !== undefined && (await isAlive(holder))) throw new LockedError(directory, holder.pid)
      const away = join(directory, `.lock-stale-${nonce}-${String(round)}`)
      try {
        await rename(path, away)
      } catch (error) {
        if (hasCode(error, 'ENOENT')) continue
        throw error
      }
      // Between reading and renaming another process may have replaced the stale lock by its own: put that one back.
      if ((await readText(away)) !== content) await link(away, path).catch(() => undefined)
      await unlink(away).catch(() => undefined)
    }
    throw new Error(`the lock of the state directory ${directory} changes hands without end`)
  } finally {
    await removeQuietly(proposal)
  }
}
