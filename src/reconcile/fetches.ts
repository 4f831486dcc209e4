import type { ContainerEngine } from '../engine/ports.ts'
import { EngineError } from '../model/errors.ts'
import type { ImageRef } from '../model/names.ts'
import type { Clock } from './clock.ts'

/** A step waits so long for its image; what takes longer goes on beside the turns. Milliseconds. */
const patience = 1_000

/** An outcome that nobody has come for is forgotten after so long. Milliseconds. */
const outcomeKept = 60_000

/** Lines of a build or pull that a failure is told with. */
const linesKept = 5

export interface Fetch {
  readonly image: ImageRef
  readonly verb: 'pull' | 'build'
  /** What the engine said last. */
  readonly line: string
}

export interface FetchListener {
  began(fetch: Fetch): void
  progressed(fetch: Fetch): void
  /** `error` undefined: the image is there. */
  ended(fetch: Fetch, ms: number, error: Error | undefined): void
}

interface Job {
  readonly outcome: Promise<{ readonly error: Error | undefined }>
  readonly began: number
  readonly state: JobState
}

interface JobState {
  /** What the engine said last. */
  line: string
  /** Of its end; undefined while it goes on. */
  endedAt: number | undefined
}

const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)))

/** The same failure, with the last of what was said before it: a failed build's own sentence tells only the exit code. */
const explained = (error: Error, verb: Fetch['verb'], lines: readonly string[]): Error => {
  if (verb === 'pull' || lines.length === 0 || !(error instanceof EngineError)) return error
  return new EngineError(error.code, { ...error.details, output: lines.join(' | ') }, { cause: error })
}

/**
 * Images are fetched beside the turns: an image that takes long holds up the containers that need it and nothing else, and who
 * asks for an image that is being fetched joins in. A step whose image is not there soon fails with `FETCHING`, which is no failure.
 */
export const createFetches = (
  containers: Pick<ContainerEngine, 'pullImage' | 'buildImage'>,
  listener: FetchListener,
  clock: Clock,
): Pick<ContainerEngine, 'pullImage' | 'buildImage'> => {
  const jobs = new Map<string, Job>()

  const begin = (
    image: ImageRef,
    verb: Fetch['verb'],
    work: (progress: (line: string) => void) => Promise<void>,
  ): Job => {
    const began = clock.monotonic()
    const lines: string[] = []
    listener.began({ image, verb, line: '' })
    // Work may tell of its progress before it first waits.
    const state: JobState = { line: '', endedAt: undefined }
    const fetch = (): Fetch => ({ image, verb, line: state.line })
    const progress = (line: string): void => {
      state.line = line
      lines.push(line)
      if (lines.length > linesKept) lines.shift()
      listener.progressed(fetch())
    }
    const end = (error: Error | undefined): { readonly error: Error | undefined } => {
      state.endedAt = clock.monotonic()
      listener.ended(fetch(), state.endedAt - began, error)
      return { error }
    }
    const outcome = work(progress).then(
      () => end(undefined),
      (thrown: unknown) => end(explained(asError(thrown), verb, lines)),
    )
    return { outcome, began, state }
  }

  const within = async (job: Job): Promise<{ readonly error: Error | undefined } | undefined> => {
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const cancel = clock.after(Math.max(0, job.began + patience - clock.monotonic()), () => {
      resolve(undefined)
    })
    try {
      return await Promise.race([job.outcome, late])
    } finally {
      cancel()
    }
  }

  const fetch = async (
    image: ImageRef,
    verb: Fetch['verb'],
    work: (progress: (line: string) => void) => Promise<void>,
  ): Promise<void> => {
    const key = `${verb} ${image}`
    const there = jobs.get(key)
    const stale = there?.state.endedAt !== undefined && clock.monotonic() - there.state.endedAt > outcomeKept
    const job = there === undefined || stale ? begin(image, verb, work) : there
    jobs.set(key, job)
    const outcome = await within(job)
    if (outcome === undefined)
      throw new EngineError('FETCHING', { image, ...(job.state.line === '' ? {} : { progress: job.state.line }) })
    if (jobs.get(key) === job) jobs.delete(key)
    if (outcome.error !== undefined) throw outcome.error
  }

  return {
    pullImage: (image) => fetch(image, 'pull', (progress) => containers.pullImage(image, progress)),
    buildImage: (image, context) =>
      fetch(image, 'build', (progress) => containers.buildImage(image, context, progress)),
  }
}
