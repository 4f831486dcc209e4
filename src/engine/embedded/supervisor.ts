import { spawn } from 'node:child_process'
import { open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import type { Log } from '../../model/log.ts'
import { commandLine, isAlive, sendSignal, waitForEnd } from './processes.ts'

/** A program that shall run. */
export interface Program {
  readonly name: string
  /** What /proc shows once it runs: absolute path and arguments. One argument names a path that is ours alone. */
  readonly command: readonly string[]
  /** Put before the command to start it, e.g. `nsenter --net=...`; must exec it. */
  readonly through: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** Its path is part of the program's arguments. */
  readonly pidFile: string
  /** The program writes no pid file itself. */
  readonly pidFileMissing?: boolean
  readonly logFile: string
  /** Rejects while it does not answer yet, and when the signal aborts. */
  ready(signal?: AbortSignal): Promise<void>
  /** Called while it does not run, before it is started. */
  readonly beforeStart?: () => Promise<void>
  /** Called with its process id after it had ended and was started again; a failure is logged and nothing more. */
  readonly startedAgain?: (pid: number) => Promise<void>
  /** Asks it to end; a signal where absent. */
  readonly end?: (pid: number) => Promise<void>
}

export interface Supervised {
  readonly name: string
  /** 0 between an end and the next start. */
  pid(): number
  /** True when it was found running rather than started. */
  readonly adopted: boolean
  /** Ends it. */
  stop(): Promise<void>
  /** Looks after it no longer; it goes on running. */
  release(): void
}

interface Live {
  readonly pid: number
  readonly adopted: boolean
  readonly ended: Promise<string>
}

const readyTimeoutMs = 60_000
const graceMs = 10_000
const backoff = { firstMs: 200, longestMs: 30_000, forgetAfterMs: 60_000 }
const longestLogBytes = 8 * 1024 * 1024

const sameCommand = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((word, index) => word === other[index])

/** Id of the process that its pid file names, when it really is this program of ours. */
const findRunning = async (program: Program): Promise<{ pid: number; same: boolean } | undefined> => {
  const pid = Number(await readFile(program.pidFile, 'utf8').catch(() => ''))
  if (!Number.isInteger(pid) || pid <= 1) return undefined
  const command = await commandLine(pid)
  // Process ids are used again: only our own paths in the arguments make it ours.
  if (!command?.some((word) => word.includes(program.pidFile))) return undefined
  return { pid, same: sameCommand(command, program.command) }
}

const whenEnded = async (pid: number): Promise<string> => {
  while (await isAlive(pid)) await delay(250, undefined, { ref: false })
  return 'it ended'
}

/** Resolves when it answers; false when it ended, stayed silent, or is not wanted any more. */
const becomesReady = async (
  program: Program,
  live: Live,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs
  const ended = live.ended.then(() => 'ended' as const)
  for (let pause = 10; performance.now() < deadline && signal?.aborted !== true; pause = Math.min(pause * 1.5, 200)) {
    const answers = await program.ready(signal).then(
      () => true,
      () => false,
    )
    // A program that could not take its socket, because another holds it, ends while that other answers.
    if (answers) return (await Promise.race([ended, Promise.resolve('runs')])) === 'runs'
    if ((await Promise.race([ended, delay(pause, 'silent')])) === 'ended') return false
  }
  return false
}

const lastLines = async (file: string): Promise<string> => {
  const text = await readFile(file, 'utf8').catch(() => '')
  return text.trim().split('\n').slice(-5).join('\n')
}

const start = async (program: Program): Promise<Live> => {
  await program.beforeStart?.()
  await rm(program.pidFile, { force: true })
  const size = await stat(program.logFile).then(
    (file) => file.size,
    () => 0,
  )
  if (size > longestLogBytes) await truncate(program.logFile)
  const log = await open(program.logFile, 'a', 0o640)
  try {
    const [file = '', ...args] = [...program.through, ...program.command]
    const child = spawn(file, args, {
      cwd: '/',
      detached: true, // its own session: it outlives the daemon, and a terminal's Ctrl-C does not reach it
      stdio: ['ignore', log.fd, log.fd],
      env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', ...program.env },
    })
    child.unref()
    const ended = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(error.message))
      child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code ?? '?'}` : `signal ${signal}`))
    })
    if (program.pidFileMissing === true && child.pid !== undefined) await writeFile(program.pidFile, `${child.pid}\n`)
    return { pid: child.pid ?? 0, adopted: false, ended }
  } finally {
    await log.close()
  }
}

const end = async (program: Program, pid: number): Promise<void> => {
  if (program.end === undefined) sendSignal(pid, 'SIGTERM')
  else await program.end(pid).catch(() => sendSignal(pid, 'SIGTERM'))
  if (await waitForEnd(pid, graceMs)) return
  sendSignal(pid, 'SIGKILL')
  await waitForEnd(pid, graceMs)
}

/** Process id of a program that an earlier daemon left running; 0 when there is none. */
export const strayPid = async (program: Program): Promise<number> => (await findRunning(program))?.pid ?? 0

/** Ends what a pid file names, if it is ours. */
export const endStray = async (program: Program): Promise<void> => {
  const running = await findRunning(program)
  if (running !== undefined) await end(program, running.pid)
}

/** Takes over the one that runs, or starts one; resolves when it answers. */
const bring = async (program: Program, log: Log, signal?: AbortSignal): Promise<Live> => {
  const running = await findRunning(program)
  if (running !== undefined) {
    const live = { pid: running.pid, adopted: true, ended: whenEnded(running.pid) }
    if (running.same && (await becomesReady(program, live, graceMs, signal))) return live
    signal?.throwIfAborted()
    log.warn('engine found running is of no use, starting another', { engine: program.name, pid: running.pid })
    await end(program, running.pid)
  }
  signal?.throwIfAborted()
  const live = await start(program)
  if (await becomesReady(program, live, readyTimeoutMs, signal)) return live
  if (live.pid > 0) await end(program, live.pid)
  signal?.throwIfAborted()
  throw new Error(
    `${program.name} did not start: ${await live.ended}; last lines of ${program.logFile}:\n${await lastLines(program.logFile)}`,
  )
}

/**
 * Keeps a program running until `stop` or `release`: when it ends it is started again, with growing waits.
 * @throws when it cannot be started the first time, or `signal` aborts meanwhile; then it does not run
 */
export const keepRunning = async (program: Program, log: Log, signal?: AbortSignal): Promise<Supervised> => {
  let live: Live | undefined = await bring(program, log, signal)
  const { adopted } = live
  const stopped = new AbortController()
  log.info(adopted ? 'engine found running' : 'engine started', { engine: program.name, pid: live.pid })

  let wait = backoff.firstMs
  const again = async (): Promise<Live | undefined> => {
    for (;;) {
      await delay(wait, undefined, { signal: stopped.signal, ref: false }).catch(() => undefined)
      if (stopped.signal.aborted) return undefined
      wait = Math.min(wait * 2, backoff.longestMs)
      try {
        const next = await bring(program, log)
        log.info('engine started again', { engine: program.name, pid: next.pid })
        program.startedAgain?.(next.pid).catch((error: unknown) => {
          log.warn('what an engine left behind cannot be seen to', { engine: program.name, error })
        })
        return next
      } catch (error) {
        log.error('engine did not start again', { engine: program.name, error })
      }
    }
  }

  const aborted = new Promise<undefined>((resolve) => {
    stopped.signal.addEventListener('abort', () => resolve(undefined), { once: true })
  })
  const watch = async (): Promise<void> => {
    while (live !== undefined) {
      const since = performance.now()
      const reason = await Promise.race([live.ended, aborted])
      if (reason === undefined || stopped.signal.aborted) return
      log.warn('engine ended, starting it again', { engine: program.name, reason })
      if (performance.now() - since > backoff.forgetAfterMs) wait = backoff.firstMs
      live = undefined
      live = await again()
    }
  }
  const watching = watch()

  return {
    name: program.name,
    adopted,
    pid: () => live?.pid ?? 0,
    stop: async () => {
      stopped.abort()
      await watching
      if (live !== undefined) await end(program, live.pid)
      live = undefined
    },
    release: () => stopped.abort(),
  }
}
