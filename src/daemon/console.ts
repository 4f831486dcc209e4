import type { Backend, LogLine, Target } from '../api/backend.ts'
import { ApiError } from '../api/errors.ts'
import type { ContainerEngine } from '../engine/ports.ts'
import type { ObservedContainer } from '../model/actual.ts'
import { parseObjectName } from '../model/names.ts'
import type { Owned } from '../model/ownership.ts'

/** Logs of containers, and commands in them. */
export const createConsole = (containers: ContainerEngine): Pick<Backend, 'logs' | 'exec'> => {
  const found = async (wanted: Target): Promise<readonly Owned<ObservedContainer>[]> => {
    const name = parseObjectName(wanted.instance)
    const seen = name === undefined ? [] : await containers.observe(name)
    const fitting = seen.filter(
      (one) =>
        (wanted.vnf === undefined || one.vnf === wanted.vnf) &&
        (wanted.vdu === undefined || one.vdu === wanted.vdu) &&
        (wanted.copy === undefined || one.copy === wanted.copy) &&
        (wanted.replica === undefined || one.replica === wanted.replica),
    )
    if (fitting.length > 0) return fitting
    const there = seen.map(({ vnf }) => vnf)
    throw new ApiError('NOT_FOUND', `no container of ${wanted.instance} is meant by that`, {
      next:
        there.length === 0
          ? `'sonctl describe instance ${wanted.instance}' tells why it has none`
          : `there are: ${[...new Set(there)].join(', ')}`,
    })
  }

  const scriptLines = async function* (
    targets: readonly Owned<ObservedContainer>[],
    script: 'start' | 'stop',
  ): AsyncIterable<LogLine> {
    for (const { name } of targets) {
      const result = await containers.scriptOutput(name, script)
      if (result === undefined) continue
      for (const line of result.output.split('\n').filter((one) => one !== '')) yield { container: name, line }
      yield { container: name, line: `(ended with code ${result.exitCode})` }
    }
  }

  const logs: Backend['logs'] = async (wanted, { tail, follow, signal }) => {
    const targets = await found(wanted)
    if (wanted.script !== undefined) return scriptLines(targets, wanted.script)
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
        next: `name one: ${[only, ...others].map((one) => one?.name ?? '').join(', ')}`,
      })
    return { container: only.name, ...(await containers.exec(only.name, command)) }
  }

  return { logs, exec }
}

/** Lines of several streams in the order they come. */
async function* merged(streams: readonly AsyncIterable<string>[], names: readonly string[]): AsyncIterable<LogLine> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]())
  const next = async (index: number) => ({ index, result: await iterators[index]?.next() })
  const waiting = new Map(iterators.map((_, index) => [index, next(index)]))
  while (waiting.size > 0) {
    const { index, result } = await Promise.race(waiting.values())
    if (result === undefined || result.done === true) waiting.delete(index)
    else {
      waiting.set(index, next(index))
      yield { container: names[index] ?? '', line: result.value }
    }
  }
}
