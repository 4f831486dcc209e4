/** Facts about files that are gone and whose meaning is not to be found in another file. */
export interface Loss {
  readonly directory: string
  /** Files that are gone, without those held already. */
  readonly lost: readonly string[]
  /** How many of these are manifests that define something. */
  readonly lostManifests: number
  /** Manifests that define something, with the lost ones. */
  readonly manifests: number
  /** Recognised files still there. */
  readonly present: number
  /** The directory was away or replaced since the last look. */
  readonly returned: boolean
  readonly maxPrunePercent: number
}

const remedy = 'put the files back to keep their objects, or confirm the deletion with `sonctl prune --confirm`'

/**
 * Why these deletions wait for a person; undefined when they are believed. One file that goes is always believed: that is
 * how people terminate a service. Many at once look like an accident: a script gone wrong, a checkout under way, a disk unmounted.
 */
export const holdReason = (loss: Loss): string | undefined => {
  const { directory, lost, lostManifests, manifests, present, returned, maxPrunePercent } = loss
  if (lost.length < 2) return undefined
  if (present === 0) return `all ${lost.length} files of ${directory} went at once; ${remedy}`
  if (returned) return `${lost.length} files are missing since ${directory} was away or replaced; ${remedy}`
  if (lostManifests >= 2 && lostManifests * 100 > maxPrunePercent * manifests) {
    const share = `${lostManifests} of ${manifests} manifests`
    return `${share} went at once, more than maxPrunePercent (${maxPrunePercent} %); ${remedy}`
  }
  return undefined
}
