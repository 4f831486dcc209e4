import equal from 'fast-deep-equal'
import { condition, type Instance, isReady } from '../deploy/lab/api.ts'
import type { Arena } from './arena.ts'
import { differences, findExcess, tally, type Tally } from './census.ts'
import { changed, type Foreign } from './foreign.ts'
import { findSilence } from './plane.ts'
import { calm, sapImage, trial } from './service.ts'
import { images, shapeOf, type Wanted } from './wanted.ts'
import { readWorld } from './world.ts'

export interface Judge {
  /** Everything that is not as it should be now; nothing = the service is whole, or gone, and no trace too many. */
  complaints(wanted: Wanted, mark: string): Promise<readonly string[]>
}

const unready = (instance: Instance | undefined, name: string): string => {
  if (instance === undefined) return `${name}: there is no such instance`
  const why = instance.status.conditions
    .filter(({ type, status }) => status !== 'True' && !['Drifted', 'Stalled', 'Reconciling'].includes(type))
    .map(({ type, reason, message }) => `${type}: ${reason}: ${message}`)
  return `${name} is not Ready: ${why.join('; ')}`
}

/** What the daemon itself says. */
const said = async ({ lab }: Arena, wanted: Wanted, mark: string): Promise<readonly string[]> => {
  const [one, other] = await Promise.all([lab.api.instance(trial), lab.api.instance(calm)])
  const ofCalm = isReady(other) ? [] : [unready(other, calm)]
  if (!wanted.present) return one === undefined ? ofCalm : [...ofCalm, `${trial} is still there`]
  if (one?.metadata.labels['round'] !== mark) return [...ofCalm, `${trial}: its file has not been read`]
  if (wanted.running) return isReady(one) ? ofCalm : [...ofCalm, unready(one, trial)]
  const ready = one.status.conditions.find(({ type }) => type === 'Ready')
  const stopped = ready?.reason === 'Stopped' && one.status.observedGeneration === one.metadata.generation
  return stopped ? ofCalm : [...ofCalm, `${trial} is not stopped: ${String(ready?.reason)}: ${String(ready?.message)}`]
}

/** @param foreign what must stay as it is, and is taken down here */
export const createJudge = async (arena: Arena, foreign: Foreign): Promise<Judge> => {
  const untouched = await foreign.fingerprint()
  const before = new Map<string, Tally>()
  // The first tally of a shape is the measure for all later ones: it has to be the same at two looks.
  let first: { readonly shape: string; readonly counted: Tally } | undefined
  const confirmed = (shape: string, counted: Tally): boolean => {
    const same = first?.shape === shape && equal(first.counted, counted)
    first = same ? undefined : { shape, counted }
    return same
  }
  const look = async (wanted: Wanted, mark: string): Promise<readonly string[]> => {
    const spoken = await said(arena, wanted, mark)
    if (spoken.length > 0) return spoken
    const world = await readWorld(arena)
    const counted = tally(world)
    const right = before.get(shapeOf(wanted))
    const excess = [
      ...findExcess(world, arena, wanted, foreign.beside, { sapImage, image: images[0] }),
      ...(right === undefined ? [] : differences(counted, right)),
    ]
    if (excess.length > 0) return excess
    const names = wanted.present && wanted.running ? [trial, calm] : [calm]
    const silence = await Promise.all(
      names.map(async (name) => {
        const instance = await arena.lab.api.instance(name)
        if (instance === undefined) return [`${name} is gone`]
        const silent = await findSilence(arena, instance)
        return condition(instance, 'Ready') === 'True' ? silent : [unready(instance, name)]
      }),
    )
    const wrong = [...silence.flat(), ...changed(untouched, await foreign.fingerprint())]
    if (wrong.length > 0 || right !== undefined) return wrong
    if (!confirmed(shapeOf(wanted), counted)) return ['seen once only']
    before.set(shapeOf(wanted), counted)
    return []
  }
  return {
    complaints: (wanted, mark) =>
      look(wanted, mark).catch((error: unknown) => [
        `cannot be looked at: ${error instanceof Error ? error.message : String(error)}`,
      ]),
  }
}
