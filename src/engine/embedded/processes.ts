import { readFile, readdir } from 'node:fs/promises'
import process from 'node:process'
import { setTimeout as delay } from 'node:timers/promises'
import { runProgram } from '../process.ts'

/** For one program to end. Milliseconds. */
const usualMs = 20_000

/**
 * Runs a program to its end; gives standard output. Rejects with standard error in the message, and as `runProgram` when it cannot be
 * started, takes too long, or the signal ends it.
 */
export const run = async (
  command: readonly [string, ...string[]],
  signal?: AbortSignal,
  timeoutMs = usualMs,
): Promise<string> => {
  const [program, ...args] = command
  const { code, stdout, stderr } = await runProgram(program, args, { timeoutMs, ...(signal && { signal }) })
  if (code === 0) return stdout
  throw new Error(`${command.join(' ')}: ${stderr.trim() || `exit code ${code}`}`)
}

/** Arguments of a running process; undefined when there is none of that id, or it is a zombie. */
export const commandLine = async (pid: number): Promise<readonly string[] | undefined> => {
  try {
    const text = await readFile(`/proc/${pid}/cmdline`, 'utf8')
    return text === '' ? undefined : text.replace(/\0$/, '').split('\0')
  } catch {
    return undefined
  }
}

/** False for a zombie too: it has ended, its parent has not looked yet. */
export const isAlive = async (pid: number): Promise<boolean> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    // The state follows the program's name, which may hold anything, in parentheses (proc(5)).
    return stat.charAt(stat.lastIndexOf(')') + 2) !== 'Z'
  } catch {
    return false
  }
}

export const sendSignal = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}

/** True when it ended within the time. */
export const waitForEnd = async (pid: number, timeoutMs: number): Promise<boolean> => {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    if (!(await isAlive(pid))) return true
    if (performance.now() > deadline) return false
    await delay(15)
  }
}

/** All processes of the host with their arguments, as far as they can be read. */
export const allProcesses = async (): Promise<
  readonly { readonly pid: number; readonly command: readonly string[] }[]
> => {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number)
  const lines = await Promise.all(pids.map(async (pid) => ({ pid, command: await commandLine(pid) })))
  return lines.flatMap(({ pid, command }) => (command === undefined ? [] : [{ pid, command }]))
}

/** Ids of a process's children, by the kernel's own list. */
export const childrenOf = async (pid: number): Promise<readonly number[]> => {
  try {
    const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')
    return text.trim().split(/\s+/).filter(Boolean).map(Number)
  } catch {
    return []
  }
}

/** When it began, in clock ticks since the machine's start (proc(5)); undefined when there is none of that id. */
export const startOf = async (pid: number): Promise<number | undefined> => {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19])
  } catch {
    return undefined
  }
}
