import type { Random } from './random.ts'

/** What the manifest of the service under trial asks for. */
export interface Wanted {
  readonly present: boolean
  readonly running: boolean
  readonly version: '0.1' | '0.2'
  readonly copies: number
  /** Of the function in the middle. */
  readonly replicas: number
  readonly image: string
  readonly mode: string
  readonly megabytes: number
}

export const changeNames = [
  'scale copies',
  'scale function',
  'edit environment',
  'edit limits',
  'edit image',
  'edit version',
  'stop',
  'delete',
  're-create',
] as const

export type ChangeName = (typeof changeNames)[number] | 'create' | 'start'

export interface Change {
  readonly name: ChangeName
  readonly to: Wanted
  /** The file goes for so many milliseconds before it is there again. */
  readonly awayMs?: number
}

export const images = ['chaos/host:1', 'chaos/host:2'] as const

export const nothing: Wanted = {
  present: false,
  running: true,
  version: '0.1',
  copies: 1,
  replicas: 1,
  image: images[0],
  mode: 'm0',
  megabytes: 64,
}

const other = <T>(random: Random, choices: readonly T[], now: T): T =>
  random.pick(choices.filter((choice) => choice !== now)) ?? now

/** The next thing asked for. A service that is stopped, or not there, is started by the change that would have been made to it. */
export const changeOf = (name: (typeof changeNames)[number], from: Wanted, random: Random): Change => {
  const running: Wanted = { ...from, present: true, running: true }
  const edited = (to: Wanted): Change => ({ name: !from.present ? 'create' : from.running ? name : 'start', to })
  switch (name) {
    case 'scale copies':
      return edited({ ...running, copies: other(random, [1, 2], from.copies) })
    case 'scale function':
      return edited({ ...running, replicas: other(random, [1, 2, 3], from.replicas) })
    case 'edit environment':
      return edited({ ...running, mode: `m${random.below(1_000_000)}` })
    case 'edit limits':
      return edited({ ...running, megabytes: other(random, [48, 64, 96], from.megabytes) })
    case 'edit image':
      return edited({ ...running, image: other(random, images, from.image) })
    case 'edit version':
      return edited({ ...running, version: other(random, ['0.1', '0.2'], from.version) })
    case 'stop':
      return from.present && from.running ? { name, to: { ...from, running: false } } : edited(running)
    case 'delete':
      return from.present ? { name, to: { ...from, present: false } } : edited(running)
    case 're-create': {
      const to = { ...running, mode: `m${random.below(1_000_000)}` }
      return from.present ? { name, to, awayMs: random.below(1_500) } : edited(to)
    }
  }
}

/** In a line. */
export const describe = ({ present, running, version, copies, replicas }: Wanted): string =>
  !present ? 'gone' : !running ? 'stopped' : `v${version}, copies ${copies}, replicas ${replicas}`

/** What decides how many objects of each kind there are. */
export const shapeOf = (wanted: Wanted): string => (wanted.present && wanted.running ? describe(wanted) : 'nothing')
