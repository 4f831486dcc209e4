import { basename } from 'node:path'
import type { PackageRef } from '../model/documents.ts'
import type { CatalogPackage } from './types.ts'

const names = (candidate: CatalogPackage): readonly string[] => [
  candidate.package.file,
  ...candidate.files,
  ...candidate.files.map((file) => basename(file)),
]

/** Whether `spec.package` can mean this one. */
const matchesRef = (candidate: CatalogPackage, ref: PackageRef): boolean => {
  switch (ref.by) {
    case 'digest':
      return candidate.digest === ref.digest
    case 'file':
      return names(candidate).includes(ref.file)
    case 'name': {
      const { vendor, name, version } = candidate.package
      return (
        name === ref.name &&
        (ref.vendor === undefined || vendor === ref.vendor) &&
        (ref.version === undefined || version === ref.version)
      )
    }
  }
}

/**
 * The newest onboarded of those that `ref` can mean. `pinned` is what the instance runs: it counts although its file is gone,
 * so that deleting a package's file changes no running service; a newer one that is onboarded later wins all the same.
 */
export const resolvePackage = (
  packages: Iterable<CatalogPackage>,
  ref: PackageRef,
  pinned: string | undefined,
): CatalogPackage | undefined => {
  let best: CatalogPackage | undefined
  for (const candidate of packages) {
    if (candidate.files.length === 0 && candidate.digest !== pinned) continue
    if (matchesRef(candidate, ref) && (best === undefined || candidate.order > best.order)) best = candidate
  }
  return best
}
