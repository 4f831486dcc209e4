import { parseObjectName, type InstanceName } from '../model/names.ts'

/** Keys of the work queue. */
export const fabricKey = 'fabric'
export const resyncKey = 'resync'
/** Whether engines that were away answer again. */
export const answerKey = 'answer'
const instancePrefix = 'instance/'

export const instanceKey = (name: InstanceName): string => `${instancePrefix}${name}`

/** Undefined for the other keys. */
export const instanceOfKey = (key: string): InstanceName | undefined =>
  key.startsWith(instancePrefix) ? parseObjectName(key.slice(instancePrefix.length)) : undefined
