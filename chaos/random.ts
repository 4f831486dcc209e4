import { createHash } from 'node:crypto'

/** Chance that can be had again: the same seed gives the same numbers. */
export interface Random {
  /** 0 to `limit` - 1. */
  below(limit: number): number
  /** One of them; undefined when there is none. */
  pick<T>(items: readonly T[]): T | undefined
  shuffle<T>(items: readonly T[]): T[]
}

/** 48 bits a number, each from a hash of the seed and a count. */
export const createRandom = (...seed: readonly (string | number)[]): Random => {
  let count = 0
  const next = (): number =>
    createHash('sha256')
      .update([...seed, count++].join('/'))
      .digest()
      .readUIntBE(0, 6)
  const below = (limit: number): number => next() % limit
  return {
    below,
    pick: (items) => (items.length === 0 ? undefined : items[below(items.length)]),
    shuffle: (items) =>
      items
        .map((item) => ({ item, rank: next() }))
        .sort((one, other) => one.rank - other.rank)
        .map(({ item }) => item),
  }
}

/** The one drawn at a place of a pack that is shuffled anew each time all were drawn: all come equally often. */
export const drawn = <T>(items: readonly T[], seed: string, place: number): T | undefined => {
  const pack = Math.floor(place / items.length)
  return createRandom(seed, pack).shuffle(items)[place % items.length]
}
