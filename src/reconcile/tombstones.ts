import { parseObjectName, type InstanceName } from '../model/names.ts'
import type { Store } from '../store/store.ts'

const prefix = 'ServiceInstance/'

export const tombstoneKey = (name: InstanceName): string => `${prefix}${name}`

/** Instances whose deletion was seen and is not done, also those of which an earlier daemon left nothing. */
export const buriedNames = (store: Store): readonly InstanceName[] =>
  [...store.list('tombstones').keys()].flatMap((key) =>
    key.startsWith(prefix) ? (parseObjectName(key.slice(prefix.length)) ?? []) : [],
  )
