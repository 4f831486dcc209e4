import { parseObjectName, type InstanceName } from '../model/names.ts'
import type { Tombstone } from '../store/records.ts'
import type { Store } from '../store/store.ts'

const prefix = 'ServiceInstance/'

export const tombstoneKey = (name: InstanceName): string => `${prefix}${name}`

/** Notes that an instance, of whose document nothing is known, is to go. */
export const bury = (store: Store, name: InstanceName, now: number): void => {
  const key = tombstoneKey(name)
  const deletedAt = new Date(now).toISOString()
  if (store.get('tombstones', key) === undefined)
    store.set('tombstones', key, { key, deletedAt, file: '', generation: 0 })
}

/** Instances whose deletion was seen and is not done, also those of which an earlier daemon left nothing. */
export const buriedInstances = (store: Store): ReadonlyMap<InstanceName, Tombstone> =>
  new Map(
    [...store.list('tombstones')].flatMap(([key, tombstone]) => {
      const name = key.startsWith(prefix) ? parseObjectName(key.slice(prefix.length)) : undefined
      return name === undefined ? [] : [[name, tombstone]]
    }),
  )
