import { Readable } from 'node:stream'
import type { ImageInspectInfo } from 'dockerode'
import { EngineError } from '../../model/errors.ts'
import type { ImageRef } from '../../model/names.ts'
import type { ContainerEngine } from '../ports.ts'
import { objectOf } from './answers.ts'
import type { DockerClient } from './client.ts'
import type { CredentialSource } from './credentials.ts'
import { isCode, toEngineError } from './errors.ts'
import type { Purpose } from './errors.ts'
import type { ImageProgram } from './spec.ts'
import { asReadable, jsonLines } from './streams.ts'

export interface Images {
  /** @throws EngineError IMAGE_NOT_FOUND */
  program(image: ImageRef): Promise<ImageProgram>
  readonly present: ContainerEngine['presentImages']
  readonly pull: ContainerEngine['pullImage']
  readonly build: ContainerEngine['buildImage']
  /** What is known of images holds no longer. */
  forget(): void
}

export interface ImagesOptions {
  readonly client: DockerClient
  readonly credentials: CredentialSource
  /** True while events tell of every change. */
  readonly trusted: () => boolean
  /** Milliseconds. */
  readonly timeouts: { readonly pull: number; readonly build: number; readonly silence: number }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const words = (value: string | string[] | null | undefined): readonly string[] =>
  typeof value === 'string' ? [value] : (value ?? [])

/** Milliseconds between lines about bytes moved, of which Docker sends hundreds. */
const progressEvery = 1_000

const chatty = new Set(['Downloading', 'Extracting', 'Waiting', 'Verifying Checksum'])

/** What a message of a pull or build says to a person; undefined for one that says nothing new. */
const asLine = (message: Readonly<Record<string, unknown>>): { line: string; chatty: boolean } | undefined => {
  const { stream, status, id, progress } = message
  if (typeof stream === 'string') return stream.trim() === '' ? undefined : { line: stream.trimEnd(), chatty: false }
  if (typeof status !== 'string') return undefined
  const parts = [typeof id === 'string' ? `${id}:` : '', status, typeof progress === 'string' ? progress : '']
  return { line: parts.filter(Boolean).join(' '), chatty: chatty.has(status) }
}

export const createImages = ({ client, credentials, trusted, timeouts }: ImagesOptions): Images => {
  const { docker } = client
  const known = new Map<ImageRef, Promise<ImageProgram>>()

  const look = async (image: ImageRef): Promise<ImageProgram> => {
    const info = await client.call<ImageInspectInfo>((signal) => objectOf(client.inspectImage(image, signal)), {
      about: { image },
    })
    // Docker says null for an image without any of them, whatever its types say.
    const config: Partial<ImageInspectInfo['Config']> = info.Config
    return { entrypoint: words(config.Entrypoint), cmd: words(config.Cmd), env: words(config.Env) }
  }

  /** Calls of one moment share one answer; it is kept only while events would tell of a change. */
  const program = (image: ImageRef): Promise<ImageProgram> => {
    const there = known.get(image)
    if (there !== undefined) return there
    const asked = look(image)
    known.set(image, asked)
    const drop = (): void => {
      if (known.get(image) === asked) known.delete(image)
    }
    asked.then(() => {
      if (!trusted()) drop()
    }, drop)
    return asked
  }

  /** Reads a stream of messages to its end; one with `error` in it is the end of the work. */
  const follow = async (
    chunks: AsyncIterable<Uint8Array>,
    image: ImageRef,
    purpose: Purpose,
    progress: (line: string) => void,
    alive: () => void,
  ): Promise<void> => {
    let last = -Infinity
    for await (const message of jsonLines(chunks)) {
      alive()
      if (!isRecord(message)) continue
      if (typeof message['error'] === 'string') throw toEngineError(new Error(message['error']), { image }, purpose)
      const said = asLine(message)
      if (said === undefined) continue
      const now = performance.now()
      if (said.chatty && now - last < progressEvery) continue
      if (said.chatty) last = now
      progress(said.line)
    }
  }

  /** A long call: ends with its time, or when the engine says nothing for long. */
  const long = async (
    image: ImageRef,
    purpose: Purpose,
    timeout: number,
    progress: (line: string) => void,
    begin: (signal: AbortSignal) => Promise<NodeJS.ReadableStream>,
  ): Promise<void> => {
    const silent = new AbortController()
    let timer = setTimeout(() => silent.abort(), timeouts.silence)
    const alive = (): void => {
      clearTimeout(timer)
      timer = setTimeout(() => silent.abort(), timeouts.silence)
    }
    try {
      await client.call(
        async (signal) => {
          const stream = await begin(signal)
          await follow(asReadable(stream), image, purpose, progress, alive)
        },
        { about: { image }, purpose, timeout, signal: silent.signal },
      )
    } catch (error) {
      if (silent.signal.aborted)
        throw new EngineError('TIMEOUT', { image, silentMs: String(timeouts.silence) }, { cause: error })
      throw error
    } finally {
      clearTimeout(timer)
      known.delete(image)
    }
  }

  return {
    program,
    present: async (images) => {
      const found = await Promise.all(
        [...new Set(images)].map(async (image) => {
          try {
            await program(image)
            return [image]
          } catch (error) {
            // One that the engine cannot read is as good as none, and must not hide the others: fetching it mends it, or says what is wrong.
            if (isCode(error, 'IMAGE_NOT_FOUND', 'NOT_FOUND', 'REFUSED')) return []
            throw error
          }
        }),
      )
      return new Set(found.flat())
    },
    pull: async (image, progress) => {
      const authconfig = await credentials(image, client.closing)
      await long(image, 'pull', timeouts.pull, progress, (abortSignal) =>
        docker.pull(image, { abortSignal, ...(authconfig === undefined ? {} : { authconfig }) }),
      )
    },
    build: async (image, context, progress) => {
      await long(image, undefined, timeouts.build, progress, (abortSignal) =>
        docker.buildImage(Readable.from(Buffer.from(context)), { t: image, rm: true, forcerm: true, abortSignal }),
      )
    },
    forget: () => known.clear(),
  }
}
