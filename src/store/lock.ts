import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'

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

/** Tries before giving up: some ten seconds of waiting for others that break a stale lock. */
const rounds = 2000

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
 * one already. One whose process is gone is stale, and may be removed only by who holds the right to break this very
 * lock: a lock file of its own, named by the digest of the stale one and taken in the same way. So of several that try
 * at once one wins, also when one dies half-way.
 *
 * @throws LockedError when a live process holds it.
 */
export const acquireLock = async (directory: string, options: LockOptions = {}): Promise<Lock> => {
  const { proc = '/proc', pid = process.pid } = options
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const lock = join(directory, 'lock')
  const boot = await bootId(proc)
  const nonce = randomBytes(8).toString('hex')
  const mine = `${[String(pid), (await startOf(proc, pid)) ?? '', boot, nonce].join('\n')}\n`
  const proposal = join(directory, `.lock-${nonce}`)

  const isAlive = async (holder: Holder): Promise<boolean> => {
    if (holder.boot !== boot) return false
    const start = await startOf(proc, holder.pid)
    return start !== undefined && start === holder.start
  }

  /** Undefined when taken, else the live process that has it. */
  const take = async (path: string): Promise<number | undefined> => {
    for (let round = 0; round < rounds; round += 1) {
      try {
        await link(proposal, path)
        return undefined
      } catch (error) {
        if (!hasCode(error, 'EEXIST')) throw error
      }
      const content = await readText(path)
      if (content === undefined) continue
      const holder = parseHolder(content)
      if (holder !== undefined && (await isAlive(holder))) return holder.pid
      const right = `${lock}.break-${createHash('sha256').update(content).digest('hex').slice(0, 24)}`
      if ((await take(right)) !== undefined) {
        await setTimeout(5)
        continue
      }
      // Nobody else may remove this content now, and a nonce makes sure that it never comes back.
      if ((await readText(path)) === content) await removeQuietly(path)
      await removeQuietly(right)
    }
    throw new Error(`the lock of the state directory ${directory} changes hands without end`)
  }

  await writeFile(proposal, mine, { mode: 0o600, flag: 'wx', flush: true })
  try {
    const other = await take(lock)
    if (other !== undefined) throw new LockedError(directory, other)
  } finally {
    await removeQuietly(proposal)
  }
  return {
    release: async () => {
      const now = await readText(lock).catch(() => undefined)
      if (now === mine) await removeQuietly(lock)
    },
  }
}
