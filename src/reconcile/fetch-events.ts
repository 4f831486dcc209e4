import { EngineError } from '../model/errors.ts'
import type { ImageRef, InstanceName } from '../model/names.ts'
import type { Clock } from './clock.ts'
import type { StatusBoard } from './context.ts'
import type { FetchListener } from './fetches.ts'

/** How often the progress of one image is told. Milliseconds. */
const progressEvery = 5_000

const words = {
  pull: { began: 'ImagePulling', ended: 'ImagePulled', failed: 'ImagePullFailed', verb: 'pulling', past: 'pulled' },
  build: { began: 'ImageBuilding', ended: 'ImageBuilt', failed: 'ImageBuildFailed', verb: 'building', past: 'built' },
} as const

/** Tells every instance that needs an image how its fetch goes on, and has it looked at when there is something new. */
export const createFetchEvents = (options: {
  readonly board: Pick<StatusBoard, 'event'>
  readonly usersOf: (image: ImageRef) => readonly InstanceName[]
  readonly poke: (instance: InstanceName) => void
  readonly clock: Clock
}): FetchListener => {
  const { board, usersOf, poke, clock } = options
  const told = new Map<ImageRef, number>()

  const tell = (image: ImageRef, type: 'Normal' | 'Warning', reason: string, message: string): void => {
    for (const name of usersOf(image)) board.event(`instance/${name}`, type, reason, message)
  }
  const look = (image: ImageRef): void => {
    for (const name of usersOf(image)) poke(name)
  }

  return {
    began: ({ image, verb }) => {
      told.set(image, clock.monotonic())
      tell(image, 'Normal', words[verb].began, `${words[verb].verb} ${image}`)
    },
    progressed: ({ image, verb, line }) => {
      const now = clock.monotonic()
      if (now - (told.get(image) ?? 0) < progressEvery) return
      told.set(image, now)
      tell(image, 'Normal', words[verb].began, `${words[verb].verb} ${image}: ${line}`)
      look(image)
    },
    ended: ({ image, verb }, ms, error) => {
      told.delete(image)
      if (error === undefined) {
        tell(image, 'Normal', words[verb].ended, `${words[verb].past} ${image} in ${(ms / 1000).toFixed(1)} s`)
      } else {
        const why = error instanceof EngineError ? (error.details['output'] ?? error.details['reason']) : undefined
        tell(image, 'Warning', words[verb].failed, `${image}: ${why ?? error.message}`)
      }
      look(image)
    },
  }
}
