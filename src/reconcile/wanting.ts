import type { DesireResult } from '../desired/result.ts'

/** It goes without something that others hold. */
export const isWanting = ({ exhausted, notices }: DesireResult): boolean =>
  exhausted.length > 0 || notices.some(({ code }) => code === 'UNPLACEABLE')

/** Room in data centers that the instance no longer takes. */
export const takesLess = (before: DesireResult | undefined, after: DesireResult | undefined): boolean =>
  before !== undefined &&
  [...before.usage].some(([dataCenter, { cpu, memoryBytes }]) => {
    const now = after?.usage.get(dataCenter)
    return now === undefined || now.cpu < cpu || now.memoryBytes < memoryBytes
  })
