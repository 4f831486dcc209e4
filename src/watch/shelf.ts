import type { ByteSource } from '../model/byte-source.ts'
import type { Log } from '../model/log.ts'
import type { PackageDigest } from '../model/names.ts'
import type { ServicePackage } from '../model/package.ts'
import type { Store } from '../store/store.ts'
import { compareText, type KnownFile } from './known.ts'
import type { CatalogPackage, Parsers } from './types.ts'

/** Packages that are onboarded: those that files hold, and those kept for instances that use them. */
export interface Shelf {
  /** Puts a package on it, or notes that a file holds one again: that counts as a new onboarding. */
  onboard(parsed: ServicePackage, content: ByteSource): Promise<void>
  /** Notes a package that a file has held all the time. */
  confirm(parsed: ServicePackage, content: ByteSource): Promise<void>
  /** In the order they were onboarded, with the files that hold them now. */
  list(files: Iterable<KnownFile>): readonly CatalogPackage[]
  /** Takes off what no file holds and nobody uses. */
  sweep(wanted: ReadonlySet<PackageDigest>): Promise<void>
}

interface Context {
  readonly store: Store
  readonly parsers: Parsers
  readonly log: Log
  readonly now: () => string
}

/** Opens the shelf: every remembered package is parsed again from the copy of its bytes. */
export const openShelf = async ({ store, parsers, log, now }: Context): Promise<Shelf> => {
  const parsedPackages = new Map<PackageDigest, ServicePackage>()

  for (const { digest, file } of store.list('packages').values()) {
    await using kept = await store.blobs.open(digest)
    if (kept === undefined) continue
    try {
      const parsed = await parsers.package(file, kept)
      if (parsed.package !== undefined) parsedPackages.set(digest, parsed.package)
    } catch (error) {
      log.warn('remembered package cannot be read', { digest, error: String(error) })
    }
  }

  const nextOrder = (): number => Math.max(0, ...[...store.list('packages').values()].map(({ order }) => order)) + 1

  const keep = async (parsed: ServicePackage, content: ByteSource): Promise<void> => {
    parsedPackages.set(parsed.digest, parsed)
    if (!store.blobs.has(parsed.digest)) await store.blobs.write(parsed.digest, content)
  }

  const onboard = async (parsed: ServicePackage, content: ByteSource): Promise<void> => {
    const { digest, file, vendor, name, version } = parsed
    await keep(parsed, content)
    store.set('packages', digest, { digest, file, order: nextOrder(), onboardedAt: now() })
    log.info('package onboarded', { file, vendor, name, version, digest })
  }

  return {
    onboard,
    confirm: async (parsed, content) => {
      if (store.get('packages', parsed.digest) === undefined) await onboard(parsed, content)
      else await keep(parsed, content)
    },
    list: (files) => {
      const holders = new Map<PackageDigest, KnownFile[]>()
      for (const known of files) {
        const { digest } = known.memory
        if (digest !== undefined) holders.set(digest, [...(holders.get(digest) ?? []), known])
      }
      return [...store.list('packages').values()]
        .flatMap(({ digest, order, onboardedAt }) => {
          const parsed = parsedPackages.get(digest)
          if (parsed === undefined) return []
          const held = (holders.get(digest) ?? []).sort((a, b) => a.memory.seen - b.memory.seen)
          return [{ package: parsed, digest, order, onboardedAt, files: held.map(({ memory }) => memory.file) }]
        })
        .sort((a, b) => a.order - b.order || compareText(a.digest, b.digest))
    },
    sweep: async (wanted) => {
      for (const digest of [...store.list('packages').keys()]) {
        const known = store.get('packages', digest)
        if (known === undefined || wanted.has(known.digest)) continue
        parsedPackages.delete(known.digest)
        store.delete('packages', digest)
        await store.blobs.delete(known.digest)
        log.info('package dropped: no file holds it and nobody uses it', { digest })
      }
    },
  }
}
