import type { PackageRef } from '../model/documents.ts'
import { parsePackageDigest } from '../model/names.ts'

// Names of packages are free text in the wild; here they only may not hold what separates them.
const part = /^[^:/\s\p{C}]{1,128}$/u
const packageFile = /^[^/\p{C}]{1,250}\.(?:son|tgo)$/iu

/**
 * `name`, `vendor/name`, either with `:version`; `sha256:...`; or a file's name ending in `.son` or `.tgo`.
 *
 * @returns undefined when the text is none of these.
 */
export const parsePackageRef = (text: string): PackageRef | undefined => {
  if (text.startsWith('sha256:')) {
    const digest = parsePackageDigest(text.toLowerCase())
    return digest === undefined ? undefined : { by: 'digest', digest }
  }
  if (packageFile.test(text)) return { by: 'file', file: text }
  const [, vendor, name = '', version] = /^(?:([^/:]*)\/)?([^/:]*)(?::([^/:]*))?$/.exec(text) ?? []
  if (![vendor, name, version].every((word) => word === undefined || part.test(word))) return undefined
  return {
    by: 'name',
    ...(vendor === undefined ? {} : { vendor }),
    name,
    ...(version === undefined ? {} : { version }),
  }
}
