import { externalIds } from '../model/ownership.ts'

const owner: string = externalIds.owner
const ours: ReadonlySet<string> = new Set(Object.values(externalIds))

/** What differs between the marks wanted on a bridge or port and those on it. Keys that are not of ours are others' business. */
export const marksDrift = (
  desired: Readonly<Record<string, string>>,
  actual: Readonly<Record<string, string>>,
): string | undefined => {
  for (const [key, value] of Object.entries(desired)) {
    if (actual[key] !== value) return `external id ${key}: ${actual[key] ?? 'none'} → ${value}`
  }
  // Adapters write the owner by themselves.
  const stale = Object.entries(actual).find(([key]) => key !== owner && ours.has(key) && desired[key] === undefined)
  return stale === undefined ? undefined : `external id ${stale[0]}: ${stale[1]} → none`
}
