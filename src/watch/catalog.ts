import { isDeepStrictEqual } from 'node:util'
import type { Diagnostic } from '../model/diagnostics.ts'
import type { DataCenter, Link, ServiceInstance } from '../model/documents.ts'
import {
  parseObjectName,
  type DataCenterName,
  type InstanceName,
  type ObjectName,
  type PackageDigest,
} from '../model/names.ts'
import type { FileReport } from '../model/status.ts'
import type { Assigned, Assignment } from './assign.ts'
import type { KnownFile } from './known.ts'
import { resolvePackage } from './packages.ts'
import type {
  Catalog,
  CatalogChange,
  CatalogInstance,
  CatalogObject,
  CatalogPackage,
  HeldPrune,
  ObjectKey,
  RefusedObject,
} from './types.ts'

export interface CatalogInput {
  readonly directory: string
  readonly complete: boolean
  readonly known: ReadonlyMap<string, KnownFile>
  readonly assignment: Assignment
  /** In the order they were onboarded. */
  readonly packages: readonly CatalogPackage[]
  /** Why files whose content is not on disk now count all the same. */
  readonly kept: ReadonlyMap<string, string>
  readonly held: HeldPrune | undefined
  readonly gaps: readonly string[]
}

const keptNote = (file: string, message: string): Diagnostic => ({
  severity: 'error',
  code: 'FILE_MISSING',
  message,
  file,
  line: 1,
  column: 1,
  path: '',
})

/** Before anything was read. */
export const emptyCatalog = (directory: string): Catalog => ({
  directory,
  complete: false,
  instances: new Map(),
  dataCenters: new Map(),
  links: new Map(),
  packages: [],
  files: [],
  refused: [],
  held: undefined,
  gaps: ['the directory has not been read yet'],
})

const kinds = ['ServiceInstance', 'DataCenter', 'Link'] as const

const refusedObjects = (known: CatalogInput['known'], assignment: Assignment): readonly RefusedObject[] => {
  const found = new Map<ObjectKey, RefusedObject>()
  for (const [file, { refused, diagnostics }] of known) {
    for (const { kind: kindText, name: nameText, line } of refused) {
      const kind = kinds.find((one) => one === kindText)
      const name = parseObjectName(nameText ?? '')
      if (kind === undefined || name === undefined) continue
      const key: ObjectKey = `${kind}/${name}`
      if (assignment.objects.has(key) || found.has(key)) continue
      found.set(key, { key, kind, name, source: { file, line }, diagnostics })
    }
  }
  return [...found.values()]
}

/** The snapshot that these facts make. Pure. */
export const buildCatalog = (input: CatalogInput): Catalog => {
  const { known, assignment, packages, kept } = input
  const instances = new Map<InstanceName, CatalogInstance>()
  const dataCenters = new Map<DataCenterName, CatalogObject<DataCenter>>()
  const links = new Map<ObjectName, CatalogObject<Link>>()
  const keysByFile = new Map<string, string[]>()

  const about = (file: string): readonly Diagnostic[] => {
    const missing = kept.get(file)
    return [...(missing === undefined ? [] : [keptNote(file, missing)]), ...(known.get(file)?.diagnostics ?? [])]
  }

  const common = <D extends ServiceInstance | DataCenter | Link>(one: Assigned, document: D): CatalogObject<D> => {
    const { key, file, line, memory } = one
    const said = (assignment.said.get(file) ?? []).filter((each) => each.key === key)
    const accepted = !kept.has(file) && known.get(file)?.stale.has(key) !== true
    // Errors of other documents in the file are not this object's.
    const own = about(file).filter(({ severity }) => !accepted || severity === 'notice')
    keysByFile.set(file, [...(keysByFile.get(file) ?? []), key])
    return {
      key,
      document,
      source: { file, line },
      generation: memory.generation,
      createdAt: memory.createdAt,
      accepted,
      diagnostics: [...own, ...said.map(({ diagnostic }) => diagnostic)],
    }
  }

  const sorted = [...assignment.objects.values()].sort((a, b) => (a.key < b.key ? -1 : 1))
  for (const one of sorted) {
    const { document, memory } = one
    switch (document.kind) {
      case 'ServiceInstance': {
        const resolved = resolvePackage(packages, document.spec.package, memory.package)
        instances.set(document.metadata.name, { ...common(one, document), package: resolved })
        break
      }
      case 'DataCenter':
        dataCenters.set(document.metadata.name, common(one, document))
        break
      case 'Link':
        links.set(document.metadata.name, common(one, document))
        break
    }
  }

  for (const { package: parsed, files } of packages) {
    const key = `Package/${parsed.vendor}/${parsed.name}:${parsed.version}`
    for (const file of files) keysByFile.set(file, [...(keysByFile.get(file) ?? []), key])
  }

  const files: FileReport[] = [...known.keys()].sort().map((file) => {
    const diagnostics = [...about(file), ...(assignment.said.get(file) ?? []).map(({ diagnostic }) => diagnostic)]
    const accepted = diagnostics.every(({ severity }) => severity !== 'error')
    return { file, accepted, objects: keysByFile.get(file) ?? [], diagnostics }
  })

  const { directory, complete, held, gaps } = input
  const refused = refusedObjects(known, assignment)
  return { directory, complete, instances, dataCenters, links, packages, files, refused, held, gaps }
}

const objectsOf = (catalog: Catalog): ReadonlyMap<ObjectKey, unknown> => {
  const { instances, dataCenters, links } = catalog
  const result = new Map<ObjectKey, unknown>()
  for (const { package: resolved, ...one } of instances.values())
    result.set(one.key, { ...one, digest: resolved?.digest })
  for (const one of [...dataCenters.values(), ...links.values(), ...catalog.refused]) result.set(one.key, one)
  return result
}

/** Keys whose values differ, or that only one side has. */
const differing = <K>(before: ReadonlyMap<K, unknown>, after: ReadonlyMap<K, unknown>): Set<K> => {
  const changed = new Set<K>()
  for (const [key, value] of after) if (!isDeepStrictEqual(before.get(key), value)) changed.add(key)
  for (const key of before.keys()) if (!after.has(key)) changed.add(key)
  return changed
}

/** What differs between two snapshots; undefined when nothing that anyone could see does. */
export const compareCatalogs = (before: Catalog, after: Catalog): CatalogChange | undefined => {
  const packagesOf = ({ packages }: Catalog): ReadonlyMap<PackageDigest, unknown> =>
    new Map(packages.map(({ digest, order, files }) => [digest, { order, files }]))
  const filesOf = ({ files }: Catalog): ReadonlyMap<string, unknown> => new Map(files.map((one) => [one.file, one]))
  const change: CatalogChange = {
    objects: differing(objectsOf(before), objectsOf(after)),
    packages: differing(packagesOf(before), packagesOf(after)),
    files: differing(filesOf(before), filesOf(after)),
  }
  const same =
    change.objects.size + change.packages.size + change.files.size === 0 &&
    before.complete === after.complete &&
    isDeepStrictEqual(before.held, after.held) &&
    isDeepStrictEqual(before.gaps, after.gaps)
  return same ? undefined : change
}
