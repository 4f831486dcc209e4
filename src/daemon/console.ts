import type { Backend, LogLine, Target } from '../api/backend.ts'
import { ApiError } from '../api/errors.ts'
import type { ContainerEngine, ScriptOutput } from '../engine/ports.ts'
import type { ContainerState, ObservedContainer } from '../model/actual.ts'
import type { UnitKey } from '../model/desired.ts'
import { EngineError } from '../model/errors.ts'
import { parseObjectName, type ContainerName } from '../model/names.ts'
import type { Owned } from '../model/ownership.ts'
import type { ScriptMemory } from '../store/records.ts'
import type { Store } from '../store/store.ts'
import type { View } from './view.ts'

const fits = (one: UnitKey, wanted: Target): boolean =>
  (wanted.vnf === undefined || one.vnf === wanted.vnf) &&
  (wanted.vdu === undefined || one.vdu === wanted.vdu) &&
  (wanted.copy === undefined || one.copy === wanted.copy) &&
  (wanted.replica === undefined || one.replica === wanted.replica)

const stateWords: Readonly<Record<ContainerState, string>> = {
  created: 'it has not been started yet',
  running: 'it has just ended', // what is asked about here is looked at before
  paused: 'it is paused',
  restarting: 'it is being started again',
  exited: 'it has ended',
  removing: 'it is being removed',
  dead: 'Docker could not remove it in full',
}

const doesNotRun = ({ name, vnf, instance, state, exitCode }: ObservedContainer): ApiError =>
  new ApiError(
    'CONFLICT',
    `${name} does not run: ${stateWords[state]}${state === 'exited' ? `, with code ${exitCode}` : ''}`,
    {
      next:
        `'sonctl describe instance ${instance}' tells why, 'sonctl logs ${instance} ${vnf}' what it said; ` +
        `'sonctl wait instance/${instance} --for=condition=Ready' waits until all is well again`,
    },
  )

const noScript = ({ instance, vnf }: Target, script: 'start' | 'stop'): ApiError =>
  new ApiError('NOT_FOUND', `${vnf === undefined ? '' : `${vnf} of `}${instance} has no ${script} script`, {
    next: `one is the value of ${script === 'start' ? 'SON_EMU_CMD' : 'SON_EMU_CMD_STOP'} in a function's environment`,
  })

/** What an engine could not do is no fault of the daemon's, where somebody can wait or look. */
const refuse = (cause: unknown): never => {
  if (!(cause instanceof EngineError)) throw cause
  const { code, message, details } = cause
  if (code === 'UNAVAILABLE')
    throw new ApiError('UNAVAILABLE', message, { cause, next: "'sonctl status' tells when it is back" })
  if (code === 'TIMEOUT') throw new ApiError('TIMEOUT', message, { cause, next: 'ask again, or for something shorter' })
  if (code === 'NOT_FOUND')
    throw new ApiError('CONFLICT', `${details['container'] ?? 'it'} went meanwhile`, { cause, next: 'ask again' })
  throw cause
}

/** Logs of containers, and commands in them. `journal`: how scripts ended. `view`: which instances there are. */
export const createConsole = (
  containers: ContainerEngine,
  journal: Pick<Store, 'list'>,
  view: Pick<View, 'get'>,
): Pick<Backend, 'logs' | 'exec'> => {
  const observed = (wanted: Target): Promise<readonly Owned<ObservedContainer>[]> => {
    const name = parseObjectName(wanted.instance)
    return name === undefined ? Promise.resolve([]) : containers.observe(name).catch(refuse)
  }
  const fitting = async (wanted: Target): Promise<readonly Owned<ObservedContainer>[]> =>
    (await observed(wanted)).filter((one) => fits(one, wanted))

  const found = async (wanted: Target): Promise<readonly Owned<ObservedContainer>[]> => {
    const seen = await observed(wanted)
    const meant = seen.filter((one) => fits(one, wanted))
    if (meant.length > 0) return meant
    const there = seen.map(({ vnf }) => vnf)
    if (there.length === 0 && view.get('ServiceInstance', wanted.instance) === undefined)
      throw new ApiError('NOT_FOUND', `no instance named "${wanted.instance}"`, {
        next: "'sonctl get instances' lists what is there",
      })
    throw new ApiError('NOT_FOUND', `no container of ${wanted.instance} is meant by that`, {
      next:
        there.length === 0
          ? `'sonctl describe instance ${wanted.instance}' tells why it has none`
          : `there are: ${[...new Set(there)].join(', ')}`,
    })
  }

  const lines = function* (container: string, { exitCode, output }: ScriptOutput): Iterable<LogLine> {
    for (const line of output.split('\n').filter((one) => one !== '')) yield { container, line }
    yield { container, line: `(ended with code ${exitCode})` }
  }

  /** Undefined also of a container that has gone since it was looked at. */
  const outputOf = (name: ContainerName, script: 'start' | 'stop'): Promise<ScriptOutput | undefined> =>
    containers.scriptOutput(name, script).catch((error: unknown) => {
      if (error instanceof EngineError && error.code === 'NOT_FOUND') return undefined
      return refuse(error)
    })

  /** Of containers that are there, and of those that have gone since: a stop script is mostly asked about afterwards. */
  const scriptLines = async function* (
    there: readonly Owned<ObservedContainer>[],
    gone: readonly ScriptMemory[],
    script: 'start' | 'stop',
  ): AsyncIterable<LogLine> {
    for (const { name, scripts } of there) {
      const state = scripts[script]
      const result = state === undefined ? undefined : await outputOf(name, script)
      if (result !== undefined) yield* lines(name, result)
      else if (state?.run === 'running') yield { container: name, line: '(still running)' }
      else if (state?.run === 'pending') yield { container: name, line: '(has not run yet)' }
    }
    for (const { container, [script]: result } of gone) if (result !== undefined) yield* lines(container, result)
  }

  const logs: Backend['logs'] = async (wanted, { tail, follow, signal }) => {
    const { script } = wanted
    if (script !== undefined) {
      const there = await fitting(wanted)
      const names = new Set<string>(there.map(({ name }) => name))
      const gone = [...journal.list('scriptEnds').values()].filter(
        (one) => one.instance === wanted.instance && fits(one, wanted) && !names.has(one.container),
      )
      const meant = gone.length === 0 ? await found(wanted) : there
      if (![...meant.map(({ scripts }) => scripts), ...gone].some(({ [script]: known }) => known !== undefined))
        throw noScript(wanted, script)
      return scriptLines(meant, gone, script)
    }
    const targets = await found(wanted)
    const streams = targets.map(({ name }) =>
      containers.logs(name, { ...(tail === undefined ? {} : { tail }), follow, signal }),
    )
    return merged(
      streams,
      targets.map(({ name }) => name),
    )
  }

  const exec: Backend['exec'] = async (wanted, command) => {
    const [only, ...others] = await found(wanted)
    if (only === undefined || others.length > 0)
      throw new ApiError('CONFLICT', 'several containers are meant by that', {
        next: `say which by copy, replica or vdu: ${[only, ...others].map((one) => one?.name ?? '').join(', ')}`,
      })
    // Where it is paused, or ended without a process of its own, Docker runs nothing.
    if (only.state !== 'running') throw doesNotRun(only)
    return { container: only.name, ...(await containers.exec(only.name, command).catch(refuse)) }
  }

  return { logs, exec }
}

/** Lines of several streams in the order they come. */
async function* merged(streams: readonly AsyncIterable<string>[], names: readonly string[]): AsyncIterable<LogLine> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]())
  const next = (index: number) => {
    const line = Promise.resolve(iterators[index]?.next()).then((result) => ({ index, result }))
    // One that breaks off while another line is being read is told at the next race, and is no failure that nobody waits for.
    line.catch(() => undefined)
    return line
  }
  const waiting = new Map(iterators.map((_, index) => [index, next(index)]))
  try {
    while (waiting.size > 0) {
      const { index, result } = await Promise.race(waiting.values())
      if (result === undefined || result.done === true) waiting.delete(index)
      else {
        waiting.set(index, next(index))
        yield { container: names[index] ?? '', line: result.value }
      }
    }
  } finally {
    // Whoever reads no more ends the others; one that waits for a line ends with the reader's signal.
    for (const iterator of iterators) void iterator.return?.().catch(() => undefined)
  }
}
