import { bytesInMemory } from '../../src/model/byte-source.ts'
import type { DataCenterName, InstanceName, ObjectName } from '../../src/model/names.ts'
import type { DataCenter, Link, ManifestDocument } from '../../src/model/documents.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { parsePackage } from '../../src/parse/package.ts'
import type { Clock } from '../../src/reconcile/clock.ts'
import type { Store } from '../../src/store/store.ts'
import { emptyCatalog } from '../../src/watch/catalog.ts'
import { resolvePackage } from '../../src/watch/packages.ts'
import {
  objectKeyOf,
  type Catalog,
  type CatalogChange,
  type CatalogInstance,
  type CatalogObject,
  type CatalogPackage,
  type ObjectKey,
  type Watcher,
} from '../../src/watch/types.ts'
import { name } from '../support/build.ts'
import { buildPackage, type ServiceSketch } from '../support/service.ts'

/** What the watched directory means, as a test sets it; no file system beneath. */
export interface Edited {
  name(text: string): InstanceName
  /** Defines the objects of a YAML stream; those of that name are changed. */
  apply(manifest: string): void
  /** As when its file is deleted: with a tombstone. */
  delete(key: ObjectKey): void
  /** As when nothing is known of it: without one. */
  lose(key: ObjectKey): void
  onboard(sketch: ServiceSketch): Promise<void>
  /** Every package. */
  dropPackages(): void
  setGaps(gaps: readonly string[]): void
  setComplete(complete: boolean): void
  watcher(store: Store): Pick<Watcher, 'catalog' | 'onChange'>
}

export const createEdited = (clock: Clock): Edited => {
  const objects = new Map<ObjectKey, CatalogObject>()
  let packages: CatalogPackage[] = []
  let gaps: readonly string[] = []
  let complete = true
  let store: Store | undefined
  let onboardings = 0
  const listeners = new Set<(change: CatalogChange) => void>()
  let catalog = emptyCatalog('/manifests')

  const instanceOf = (entry: CatalogObject): CatalogInstance | undefined => {
    const { document } = entry
    if (document.kind !== 'ServiceInstance') return undefined
    const pinned = catalog.instances.get(document.metadata.name)?.package?.digest
    return { ...entry, document, package: resolvePackage(packages, document.spec.package, pinned) }
  }
  const ofKind = <D extends ManifestDocument, N extends string>(kind: D['kind']): ReadonlyMap<N, CatalogObject<D>> =>
    new Map(
      [...objects.values()]
        .filter(({ document }) => document.kind === kind)
        // Filtered by kind.
        .map((entry) => [entry.document.metadata.name as string as N, entry as CatalogObject<D>]),
    )
  const tell = (keys: Iterable<ObjectKey>): void => {
    const instances = new Map<InstanceName, CatalogInstance>()
    for (const entry of objects.values()) {
      const one = instanceOf(entry)
      if (one !== undefined) instances.set(one.document.metadata.name, one)
    }
    catalog = {
      ...(catalog satisfies Catalog),
      ...{ complete, gaps, packages, instances },
      dataCenters: ofKind<DataCenter, DataCenterName>('DataCenter'),
      links: ofKind<Link, ObjectName>('Link'),
    }
    const change = { objects: new Set(keys), packages: new Set<never>(), files: new Set<never>() }
    for (const listener of listeners) listener(change)
  }

  return {
    name: name.object,
    apply: (manifest) => {
      const { documents, diagnostics } = parseManifestFile('test.yaml', new TextEncoder().encode(manifest))
      if (documents.length === 0) throw new Error(JSON.stringify(diagnostics))
      for (const { document, line } of documents) {
        const key = objectKeyOf(document)
        const before = objects.get(key)
        const createdAt = before?.createdAt ?? new Date(clock.now()).toISOString()
        const generation = (before?.generation ?? 0) + 1
        const source = { file: 'test.yaml', line }
        objects.set(key, { key, document, source, generation, createdAt, accepted: true, diagnostics: [] })
        store?.delete('tombstones', key)
      }
      tell(documents.map(({ document }) => objectKeyOf(document)))
    },
    delete: (key) => {
      objects.delete(key)
      store?.set('tombstones', key, { key, file: 'test.yaml', generation: 1, deletedAt: '' })
      tell([key])
    },
    lose: (key) => {
      objects.delete(key)
      tell([])
    },
    onboard: async (sketch) => {
      const parsed = await parsePackage(`${sketch.name}.son`, bytesInMemory(await buildPackage(sketch)))
      if (parsed.package === undefined) throw new Error(JSON.stringify(parsed.diagnostics))
      const { digest, file } = parsed.package
      onboardings += 1
      packages = [...packages, { package: parsed.package, digest, order: onboardings, onboardedAt: '', files: [file] }]
      tell(catalog.instances.values().map(({ key }) => key))
    },
    dropPackages: () => {
      packages = []
      catalog = { ...catalog, instances: new Map() }
      tell([...objects.keys()])
    },
    setGaps: (next) => {
      gaps = next
      tell([])
    },
    setComplete: (next) => {
      complete = next
      tell([])
    },
    watcher: (its) => {
      store = its
      return {
        catalog: () => catalog,
        onChange: (listener) => {
          listeners.add(listener)
          return () => void listeners.delete(listener)
        },
      }
    },
  }
}
