/** Lists by key; a key that nothing was added to has the empty list. */
export interface MultiMap<K, V> {
  readonly add: (key: K, value: V) => void
  readonly of: (key: K) => readonly V[]
  readonly entries: () => readonly (readonly [K, readonly V[]])[]
}

export const createMultiMap = <K, V>(): MultiMap<K, V> => {
  const lists = new Map<K, V[]>()
  return {
    add: (key, value) => {
      const list = lists.get(key)
      if (list === undefined) lists.set(key, [value])
      else list.push(value)
    },
    of: (key) => lists.get(key) ?? [],
    entries: () => [...lists],
  }
}
