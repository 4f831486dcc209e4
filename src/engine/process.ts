import { spawn, type ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import { EngineError, type EngineErrorCode } from '../model/errors.ts'

/**
 * Programs of the host, always by an argument vector. A program runs in a process group of its own, so that a time-out
 * ends what it has started too.
 */

export interface ProgramResult {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface ProgramOptions {
  readonly input?: string
  readonly timeoutMs: number
  /** Ends it, and what it has started. */
  readonly signal?: AbortSignal
  /** `programEnvironment` where absent. */
  readonly env?: NodeJS.ProcessEnv
}

// Messages are parsed, so they must not follow the user's language.
export const programEnvironment = (): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
})

/** For a program to end once it is killed. Milliseconds. */
const killMs = 500

/** Ends a program that leads a process group, and what it has started. */
export const killGroup = (child: ChildProcess): void => {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch {
    child.kill('SIGKILL') // the group is gone when its leader has just ended
  }
}

/** A child without pipes does not tell which of the two it is. */
export const handlesOfSond =
  'sond has as many open as it may (ulimit -n, LimitNOFILE of the unit), or the host has (fs.file-max)'
const noHandles = ['NO_HANDLES', handlesOfSond] as const

/** What the host may have too little of to start one more program. */
const shortages: Readonly<Record<string, readonly [EngineErrorCode, string]>> = {
  EAGAIN: ['NO_PROCESSES', 'see ulimit -u, TasksMax of the unit and kernel.pid_max'],
  ENOMEM: ['NO_MEMORY', 'the host refuses it to sond'],
  EMFILE: noHandles,
  ENFILE: noHandles,
}

export const notStarted = (program: string, cause: unknown): EngineError => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
  const [kind, reason] = shortages[code] ?? ['UNAVAILABLE', undefined]
  return new EngineError(kind, { program, ...(reason === undefined ? {} : { reason }) }, { cause })
}

/**
 * Calls `spawn` for a program with pipes. Out of memory it throws; out of file handles it gives a child that has no streams, whatever
 * its types promise, and an error event that would end the daemon.
 * @throws EngineError when the host has too little of something to start one more
 */
export const startPiped = <Child extends ChildProcess>(program: string, begin: () => Child): Child => {
  let child: Child
  try {
    child = begin()
  } catch (cause) {
    throw notStarted(program, cause)
  }
  child.on('error', () => undefined)
  const given: Partial<ChildProcess> = child
  if (given.stdout === undefined) throw notStarted(program, Object.assign(new Error('no pipes'), { code: 'EMFILE' }))
  return child
}

/**
 * Runs a program to its end; resolves whatever its exit code is.
 * @throws EngineError `TIMEOUT`, `CANCELLED`, or another when it cannot be started: `UNAVAILABLE`, or what the host has too little of.
 */
export const runProgram = (
  command: string,
  args: readonly string[],
  { input, timeoutMs, signal, env = programEnvironment() }: ProgramOptions,
): Promise<ProgramResult> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(new EngineError('CANCELLED', { program: command }))
      return
    }
    const child = startPiped(command, () =>
      spawn(command, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] }),
    )
    const stdout: Buffer[] = []
    const stderr: Buffer[] = []
    let cut: EngineError | undefined
    const end = (why: EngineError): void => {
      cut ??= why
      killGroup(child)
      child.stdout.destroy() // a grandchild in another group may hold the pipes open
      child.stderr.destroy()
      // One that waits for a device in the kernel does not even end when it is killed.
      setTimeout(() => reject(why), killMs).unref()
    }
    const cancel = (): void => end(new EngineError('CANCELLED', { program: command }))
    const timer = setTimeout(
      () => end(new EngineError('TIMEOUT', { program: command, after: `${timeoutMs} ms` })),
      timeoutMs,
    )
    signal?.addEventListener('abort', cancel, { once: true })
    const over = (): void => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
    }
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk))
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk))
    child.stdin.on('error', () => undefined) // a program that ends early says why by its exit code
    child.on('error', (cause) => {
      over()
      reject(notStarted(command, cause))
    })
    child.on('close', (code) => {
      over()
      if (cut !== undefined) reject(cut)
      else
        resolve({
          code: code ?? -1,
          stdout: Buffer.concat(stdout).toString('utf8'),
          stderr: Buffer.concat(stderr).toString('utf8'),
        })
    })
    child.stdin.end(input ?? '')
  })

/** A program that keeps running and prints lines. */
export interface FollowedProgram {
  /** 0 when it could not be started. */
  readonly pid: number
  /** Ends it; resolves when it has ended. `onEnd` is not called any more. */
  stop(): Promise<void>
}

export interface FollowOptions {
  onLine(line: string): void
  /** What it prints to standard error. */
  onError(line: string): void
  /** It ended without being told to. */
  onEnd(): void
}

/** Its end is told later, as that of one which was started: whoever follows it has no hold of it yet. */
const neverStarted = (error: unknown, options: FollowOptions): FollowedProgram => {
  const timer = setImmediate(() => {
    options.onError(String(error))
    options.onEnd()
  })
  return { pid: 0, stop: async () => clearImmediate(timer) }
}

/**
 * Starts a program that prints lines until it is stopped. The kernel ends it when this process dies, however that
 * happens: nobody would read it any more, and not every program ends on a closed pipe.
 */
export const followProgram = (command: string, args: readonly string[], options: FollowOptions): FollowedProgram => {
  let child
  try {
    child = startPiped(command, () =>
      spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
        env: programEnvironment(),
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      }),
    )
  } catch (error) {
    return neverStarted(error, options)
  }
  const end = Promise.withResolvers<undefined>()
  let stopped = false
  let ended = false
  const finish = (): void => {
    if (ended) return
    ended = true
    end.resolve(undefined)
    if (!stopped) options.onEnd()
  }
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (!stopped) options.onLine(line)
  })
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (!stopped) options.onError(line)
  })
  child.on('error', finish)
  child.on('close', finish)
  return {
    pid: child.pid ?? 0,
    async stop() {
      stopped = true
      killGroup(child)
      await end.promise
    },
  }
}
