import { addAbortSignal, type Duplex } from 'node:stream'
import type { Exec, NetworkInspectInfo } from 'dockerode'
import { EngineError } from '../../model/errors.ts'
import { parseCidr } from '../../model/names.ts'
import type { ContainerEngine } from '../ports.ts'
import { listOf, objectOf } from './answers.ts'
import type { DockerClient } from './client.ts'
import { isCode, toEngineError } from './errors.ts'
import type { Registry } from './registry.ts'
import { asReadable, demultiplex, linesOf, tailOf } from './streams.ts'

/** Bytes of a command's output that are kept. */
const outputLimit = 64 * 1024

export interface TalkOptions {
  readonly client: DockerClient
  readonly registry: Registry
  /** Milliseconds. */
  readonly timeouts: { readonly exec: number }
}

/** Reading logs, running commands, and what networks there are: what people and the ledger ask for. */
export const createTalk = ({
  client,
  registry,
  timeouts,
}: TalkOptions): Pick<ContainerEngine, 'logs' | 'exec' | 'networks'> => {
  const { docker } = client

  const followLogs = async function* (
    name: Parameters<ContainerEngine['logs']>[0],
    { tail, follow = false, signal }: Parameters<ContainerEngine['logs']>[1],
  ): AsyncGenerator<string, void> {
    const common = { stdout: true, stderr: true, ...(tail === undefined ? {} : { tail }) }
    if (!follow) {
      const bytes = await registry.withId(
        name,
        (id, abortSignal) => docker.getContainer(id).logs({ ...common, follow: false, abortSignal }),
        signal === undefined ? {} : { signal },
      )
      yield* linesOf(demultiplex([Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes)]))
      return
    }
    const stream = await registry.withId(name, async (id, abortSignal) => {
      const answer = await docker.getContainer(id).logs({ ...common, follow: true, abortSignal })
      return addAbortSignal(client.closing, asReadable(answer))
    })
    const stop = (): void => void stream.destroy()
    signal?.addEventListener('abort', stop, { once: true })
    try {
      if (signal?.aborted !== true) yield* linesOf(demultiplex(stream))
    } catch (error) {
      if (client.closing.aborted) throw new EngineError('CANCELLED', { container: name })
      if (signal?.aborted !== true) throw toEngineError(error, { container: name })
    } finally {
      signal?.removeEventListener('abort', stop)
      stop()
    }
  }

  return {
    logs: followLogs,
    exec: async (name, command, input) => {
      const about = { container: name }
      const withInput = input !== undefined
      const begin = async (): Promise<{ readonly exec: Exec; readonly stream: Duplex }> => {
        const exec = await registry.withId(name, (id, abortSignal) =>
          docker.getContainer(id).exec({
            Cmd: [...command],
            AttachStdin: withInput,
            AttachStdout: true,
            AttachStderr: true,
            abortSignal,
          }),
        )
        const stream = await client.call<Duplex>(
          (abortSignal) => exec.start({ abortSignal, ...(withInput ? { hijack: true, stdin: true } : {}) }),
          { about },
        )
        return { exec, stream }
      }
      const { exec, stream } = await begin().catch((error: unknown) => {
        // Docker's 409 is about the container's state here, and nothing foreign.
        if (isCode(error, 'CONFLICT')) throw new EngineError('NOT_FOUND', error.details, { cause: error })
        throw error
      })
      try {
        if (withInput) stream.end(input)
        const tail = tailOf(demultiplex(stream), outputLimit)
        await client.call(() => tail.ended, { about, timeout: timeouts.exec })
        const info = await client.call((abortSignal) => objectOf(exec.inspect({ abortSignal })), { about })
        // Docker says null when it cannot tell.
        const exitCode: number | null = info.ExitCode
        if (exitCode === null) throw new EngineError('REFUSED', { ...about, reason: 'the command did not end' })
        return { exitCode, output: tail.text() }
      } finally {
        stream.destroy()
      }
    },
    networks: async () => {
      const networks = await client.call<NetworkInspectInfo[]>((abortSignal) =>
        listOf(docker.listNetworks({ abortSignal })),
      )
      return networks.flatMap(({ Name, IPAM }) =>
        (IPAM?.Config ?? []).flatMap(({ Subnet }) => {
          const subnet = parseCidr(Subnet ?? '') // an IPv6 subnet gives none
          return subnet === undefined ? [] : [{ name: Name, subnet }]
        }),
      )
    },
  }
}
