import { createHash } from 'node:crypto'
import { constants } from 'node:fs'
import { chmod, copyFile, link, lstat, mkdir, open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { EngineError } from '../../model/errors.ts'
import { parseContainerName } from '../../model/names.ts'
import type { ContainerName } from '../../model/names.ts'
import { isGateCommand, isRuntimeCommand } from './gate-script.ts'
import { writeNameFiles } from './name-files.ts'
import { runProgram } from '../process.ts'

export interface Gates {
  /** Where a new container's gate is to be. */
  pathOf(name: ContainerName): string
  /** Makes what is missing of a gate's directory. */
  prepare(path: string): Promise<void>
  remove(name: string): Promise<void>
  /** Containers that have a gate's directory here. */
  names(): Promise<readonly ContainerName[]>
  /**
   * Lets the program of this process run; resolves when it has taken the shell's place, or is already gone.
   * @throws EngineError GATE_FAILED, or CANCELLED
   */
  open(path: string, pid: number, timeoutMs: number): Promise<void>
}

/** True for a process that has ended and is not yet buried. */
const isZombie = async (pid: number): Promise<boolean> => {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // The state follows the program's name, which may hold anything, in parentheses (proc(5)).
  return stat.charAt(stat.lastIndexOf(')') + 2) === 'Z'
}

/** Does the program behind this first process still wait? `gone` when there is no such process. */
export const gateOf = async (pid: number): Promise<'closed' | 'open' | 'gone'> => {
  try {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    // Empty also for a moment within execve(2), before the new program's arguments are in place.
    if (text === '') return (await isZombie(pid)) ? 'gone' : 'closed'
    const command = text.split('\0')
    return isGateCommand(command) || isRuntimeCommand(command) ? 'closed' : 'open'
  } catch {
    return 'gone'
  }
}

const errorCode = (error: unknown): string => (error instanceof Error && 'code' in error ? String(error.code) : '')

const ignore = (error: unknown, ...codes: string[]): void => {
  if (!codes.includes(errorCode(error))) throw error
}

const exists = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  )

export interface GatesOptions {
  /** Holds a directory for each container; it and all above it are on one file system with room for one busybox. */
  readonly directory: string
  readonly busybox: string
  /** Ends what is under way. */
  readonly signal: AbortSignal
}

/** For a batch of FIFOs to be made. Milliseconds. */
const fifosMs = 10_000

/** Node has no mkfifo: a process makes many at once, and they are renamed into place as they are needed. */
const createFifos = ({ directory, busybox, signal }: GatesOptions): { take: (target: string) => Promise<void> } => {
  const spare: string[] = []
  let refilling: Promise<void> | undefined
  let made = 0

  const refill = async (): Promise<void> => {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const names = Array.from({ length: 32 }, () => join(directory, String(made++)))
    await Promise.all(names.map((name) => rm(name, { force: true })))
    // Read by whatever user the image runs as.
    const { code, stderr } = await runProgram(busybox, ['mkfifo', '-m', '444', ...names], {
      timeoutMs: fifosMs,
      signal,
    })
    if (code !== 0) throw new Error(stderr.trim()) // the words of the system, from which its kind is told
    spare.push(...names)
  }

  return {
    take: async (target) => {
      for (;;) {
        const name = spare.pop()
        if (name === undefined) {
          refilling ??= refill().finally(() => (refilling = undefined))
          await refilling
          continue
        }
        try {
          await rename(name, target)
          return
        } catch (error) {
          // Somebody tidied the state directory: what is spare is gone. Anything else, such as a missing target, is the caller's.
          if (errorCode(error) !== 'ENOENT' || (await exists(name))) throw error
        }
      }
    },
  }
}

export const createGates = (options: GatesOptions): Gates => {
  const { directory, busybox, signal } = options
  const fifos = createFifos({ ...options, directory: join(directory, '.spare') })
  const pathOf = (name: string): string => join(directory, name)

  /** One copy of busybox for all gates, named by its content: an upgrade of the host's leaves running containers their own. */
  let shared: Promise<{ readonly path: string; readonly size: number }> | undefined
  const isWhole = async (path: string, size: number): Promise<boolean> =>
    (await lstat(path).catch(() => undefined))?.size === size
  const copyOnce = async (): Promise<{ readonly path: string; readonly size: number }> => {
    const bytes = await readFile(busybox)
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16)
    const target = { path: pathOf(`.busybox-${digest}`), size: bytes.length }
    if (await isWhole(target.path, target.size)) return target
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const half = `${target.path}.tmp`
    try {
      await copyFile(busybox, half)
      await chmod(half, 0o555)
      await rename(half, target.path)
    } catch (error) {
      await rm(half, { force: true })
      throw error
    }
    return target
  }
  const sharedBusybox = async (): Promise<{ readonly path: string; readonly size: number }> => {
    shared ??= copyOnce()
    const copy = await shared.catch((error: unknown) => {
      shared = undefined
      throw error
    })
    return copy
  }

  const linkBusybox = async (target: string): Promise<void> => {
    for (let attempt = 0; ; attempt += 1) {
      const { path, size } = await sharedBusybox()
      if (await isWhole(target, size)) return
      try {
        await rm(target, { force: true }) // cut off by somebody
        await link(path, target)
      } catch (error) {
        if (attempt > 0 && errorCode(error) !== 'EEXIST') throw error
      }
      if (await isWhole(target, size)) return
      if (attempt > 2)
        throw new EngineError('GATE_FAILED', { gate: target, reason: 'its busybox is cut off again and again' })
      shared = undefined // removed or cut off behind our back: copy it again
    }
  }

  const prepare = async (path: string): Promise<void> => {
    await mkdir(path, { recursive: true, mode: 0o755 })
    await chmod(path, 0o755) // whatever the daemon's umask: whoever the image runs as comes through here
    const gate = join(path, 'gate')
    await Promise.all([linkBusybox(join(path, 'busybox')), writeNameFiles(path)])
    // Not replaced when it is there: a container may wait at it.
    if (!(await exists(gate))) await fifos.take(gate)
  }

  /** One try; false while nobody waits at the other end. */
  const push = async (path: string): Promise<boolean> => {
    try {
      const file = await open(join(path, 'gate'), constants.O_WRONLY | constants.O_NONBLOCK)
      try {
        await file.write('\n')
      } finally {
        await file.close()
      }
      return true
    } catch (error) {
      ignore(error, 'ENXIO', 'ENOENT', 'EPIPE', 'EAGAIN')
      return false
    }
  }

  return {
    pathOf,
    prepare,
    remove: (name) => rm(pathOf(name), { recursive: true, force: true }),
    names: async () => {
      const entries = await readdir(directory).catch(() => [])
      return entries.flatMap((entry) => parseContainerName(entry) ?? [])
    },
    open: async (path, pid, timeoutMs) => {
      const deadline = performance.now() + timeoutMs
      let pushed = false
      for (let pause = 1; (await gateOf(pid)) === 'closed'; pause = Math.min(pause * 2, 40)) {
        if (signal.aborted) throw new EngineError('CANCELLED', { gate: path })
        if (performance.now() > deadline) {
          throw new EngineError('GATE_FAILED', {
            gate: path,
            reason: pushed ? 'it was opened, nothing came out' : 'nobody waits at it',
          })
        }
        if (!pushed) pushed = await push(path)
        else if (pause >= 40) pushed = false // the line may have gone to a shell that was just being stopped
        await delay(pause)
      }
    },
  }
}
