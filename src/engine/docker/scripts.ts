import { lstat } from 'node:fs/promises'
import { addAbortSignal, type Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import type { ScriptState } from '../../model/actual.ts'
import { EngineError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'
import type { ContainerName } from '../../model/names.ts'
import type { ScriptOutput } from '../ports.ts'
import { objectOf } from './answers.ts'
import type { DockerClient } from './client.ts'
import { gateBusybox } from './gate-script.ts'
import type { Inspected, ScriptName } from './observed.ts'
import type { ScriptRecords, ScriptRun } from './script-records.ts'
import { demultiplex, tailOf } from './streams.ts'
import type { Tail } from './streams.ts'

/** Bytes of a script's output that are kept. */
const outputLimit = 64 * 1024

/** How often a running script is asked about whose output does not tell its end. */
const pollMs = 500
/** How long output may still come after the end. */
const lastOutputMs = 200

const scriptNames = ['start', 'stop'] as const

/** Exit code of a script whose end nobody saw: the engine forgets a command when it is started again. */
const unseenExit = -1
/** For Docker to show a command as begun that it was asked to start. Milliseconds. */
const beginMs = 5_000

export interface Scripts {
  states(inspected: Inspected): Promise<Readonly<Partial<Record<ScriptName, ScriptState>>>>
  /** Starts it unless it has run in this run of the container; `ended` settles with its end. */
  run(inspected: Inspected, script: ScriptName): Promise<{ readonly ended: Promise<void> }>
  output(inspected: Inspected, script: ScriptName): Promise<ScriptOutput | undefined>
  remove(name: ContainerName): Promise<void>
}

export interface ScriptsOptions {
  readonly client: DockerClient
  readonly records: ScriptRecords
  readonly log: Log
  /** A script has ended: look again. */
  readonly onEnd: (inspected: Inspected, script: ScriptName) => void
}

export const createScripts = ({ client, records, log, onEnd }: ScriptsOptions): Scripts => {
  const { docker } = client
  /** What this process starts or looks after, by run and script. */
  const followed = new Map<
    string,
    { readonly started: Promise<{ readonly ended: Promise<void> }>; readonly over: Promise<void> }
  >()
  const keyOf = ({ container }: Inspected, script: ScriptName): string =>
    `${container.id} ${container.startedAt} ${script}`

  const runOf = async ({ container }: Inspected, script: ScriptName): Promise<ScriptRun | undefined> => {
    const record = await records.get(container.name)
    return record?.startedAt === container.startedAt ? record.scripts[script] : undefined
  }

  const note = async ({ container }: Inspected, script: ScriptName, run: ScriptRun): Promise<void> => {
    const record = await records.get(container.name)
    const others = record?.startedAt === container.startedAt ? record.scripts : {}
    await records.put(container.name, { startedAt: container.startedAt, scripts: { ...others, [script]: run } })
  }

  const execState = async (
    execId: string,
  ): Promise<{ begun: boolean; running: boolean; exitCode: number } | undefined> => {
    try {
      const info = await client.call((abortSignal) => objectOf(docker.getExec(execId).inspect({ abortSignal })))
      // Docker says null until it has ended, whatever its types say.
      const exitCode: number | null = info.ExitCode
      return { begun: info.Running || exitCode !== null, running: info.Running, exitCode: exitCode ?? unseenExit }
    } catch (error) {
      if (error instanceof EngineError && error.code === 'NOT_FOUND') return undefined // the engine was started again since
      throw error
    }
  }

  /** `hurry` settles when it is likely over: the stream of its output ended. */
  const exitOf = async (execId: string, hurry: Promise<void>): Promise<number> => {
    const progress = { hurried: false }
    const begunBy = performance.now() + beginMs
    const woken = hurry.then(() => {
      progress.hurried = true
    })
    for (;;) {
      const state = await execState(execId)
      if (state === undefined) return unseenExit
      // Just started, Docker may not show it as running yet; that is not its end.
      const waiting = !state.begun && performance.now() < begunBy
      if (!state.running && !waiting) return state.exitCode
      await (progress.hurried ? delay(10) : Promise.race([woken, delay(pollMs, undefined, { ref: false })]))
      client.closing.throwIfAborted()
    }
  }

  /** Waits for the end and notes it. Never rejects: who waits wants to go on. */
  const follow = async (inspected: Inspected, script: ScriptName, execId: string, tail: Tail): Promise<void> => {
    const { name } = inspected.container
    try {
      const exitCode = await exitOf(execId, tail.ended)
      // What it left in the background may hold the stream open for ever.
      await Promise.race([tail.ended, delay(lastOutputMs, undefined, { ref: false })])
      await note(inspected, script, { execId, run: 'done', exitCode, output: tail.text() })
      log.debug('script ended', { container: name, script, exitCode })
    } catch (error) {
      // The engine is away, or this process ends: the record stays, and the next look follows it again.
      if (!client.closing.aborted) log.warn('script could not be followed', { container: name, script, error })
    }
  }

  const shellOf = async (pid: number): Promise<string[]> => {
    const there = await lstat(`/proc/${pid}/root/bin/sh`).then(
      () => true,
      () => false,
    )
    return there ? ['/bin/sh', '-c'] : [gateBusybox, 'sh', '-c']
  }

  const begin = async (
    inspected: Inspected,
    script: ScriptName,
    value: string,
  ): Promise<{ readonly ended: Promise<void> }> => {
    const { id, name, pid } = inspected.container
    const about = { container: name, script }
    const exec = await client.call(
      async (abortSignal) =>
        docker
          .getContainer(id)
          .exec({ Cmd: [...(await shellOf(pid)), value], AttachStdout: true, AttachStderr: true, abortSignal }),
      { about },
    )
    // Before it starts: a daemon that dies here asks the engine what became of it.
    await note(inspected, script, { execId: exec.id, run: 'running' })
    try {
      const stream = await client.call<Duplex>((abortSignal) => exec.start({ abortSignal }), { about })
      addAbortSignal(client.closing, stream)
      return { ended: follow(inspected, script, exec.id, tailOf(demultiplex(stream), outputLimit)) }
    } catch (error) {
      if (!(error instanceof EngineError) || error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT') throw error
      // It cannot be run, such as by a user who is not in the image: that is its end.
      await note(inspected, script, {
        execId: exec.id,
        run: 'done',
        exitCode: 126,
        output: `${error.details['reason'] ?? error.message}\n`,
      })
      return { ended: Promise.resolve() }
    }
  }

  /** One script of one run at a time; ends with a hint. */
  const once = (inspected: Inspected, script: ScriptName, work: () => Promise<{ readonly ended: Promise<void> }>) => {
    const key = keyOf(inspected, script)
    const there = followed.get(key)
    if (there !== undefined) return there.started
    const started = work()
    const over = started
      .then(({ ended }) => ended)
      .catch(() => undefined) // whoever asked for it is told
      .then(() => {
        followed.delete(key)
        if (!client.closing.aborted) onEnd(inspected, script)
      })
    followed.set(key, { started, over })
    return started
  }

  /** Looks after a script that an earlier daemon started. */
  const resume = (inspected: Inspected, script: ScriptName, execId: string) =>
    once(inspected, script, async () => ({
      ended: follow(inspected, script, execId, { text: () => '', ended: new Promise(() => undefined) }),
    }))

  const stateOf = async (inspected: Inspected, script: ScriptName): Promise<ScriptState> => {
    const run = await runOf(inspected, script)
    if (run === undefined) return { run: 'pending' }
    if (run.run === 'running' && !followed.has(keyOf(inspected, script))) {
      const state = await execState(run.execId)
      if (state?.begun === false) return { run: 'pending' }
      if (state?.running !== true) {
        const exitCode = state?.exitCode ?? unseenExit
        await note(inspected, script, { ...run, run: 'done', exitCode, output: '' })
        return { run: 'done', exitCode }
      }
      void resume(inspected, script, run.execId)
    }
    return { run: run.run, ...(run.exitCode === undefined ? {} : { exitCode: run.exitCode }) }
  }

  return {
    states: async (inspected) => {
      const names = scriptNames.filter((name) => inspected.scripts[name] !== undefined)
      const states = await Promise.all(names.map(async (name) => [name, await stateOf(inspected, name)] as const))
      return Object.fromEntries(states)
    },
    run: async (inspected, script) => {
      const value = inspected.scripts[script]
      if (value === undefined) return { ended: Promise.resolve() }
      const { run, exitCode = unseenExit } = await stateOf(inspected, script)
      const isAgain = script === 'start' && exitCode > 0
      if (run === 'done' && !isAgain) return { ended: Promise.resolve() }
      // Its end is written down some moments before it is let go.
      if (run === 'done') await followed.get(keyOf(inspected, script))?.over
      return once(inspected, script, () => begin(inspected, script, value))
    },
    output: async (inspected, script) => {
      const run = await runOf(inspected, script)
      if (run?.run !== 'done') return undefined
      return { exitCode: run.exitCode ?? unseenExit, output: run.output ?? '' }
    },
    remove: (name) => records.remove(name),
  }
}
