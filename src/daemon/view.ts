import type { AnyObject, ApiObjects, DefinableKind, ObjectKind, PruneCandidate } from '../api/backend.ts'
import { ApiError } from '../api/errors.ts'
import type { DataCenter, Link } from '../model/documents.ts'
import { parseObjectName, type InstanceName } from '../model/names.ts'
import { dataCenterEntries } from '../reconcile/data-centers.ts'
import type { CatalogInstance, CatalogObject, CatalogPackage, ObjectKey, Watcher } from '../watch/types.ts'
import type { Board } from './board.ts'
import {
  dataCenterObject,
  fileObject,
  instanceObject,
  leavingInstance,
  linkObject,
  packageObject,
  refusedInstance,
  type Leaving,
} from './objects.ts'

export const kindOf = (key: ObjectKey): { readonly kind: DefinableKind; readonly name: string } => {
  const [kind = '', name = ''] = key.split('/')
  return { kind: kind as DefinableKind, name } // an ObjectKey begins with a kind of document
}

/** What is there, as the API shows it. */
export interface View {
  list<K extends ObjectKind>(kind: K): readonly ApiObjects[K][]
  get<K extends ObjectKind>(kind: K, name: string): ApiObjects[K] | undefined
  /** One object that a document defines or defined; cheaper than the list. */
  object(key: ObjectKey): AnyObject | undefined
  /** @throws ApiError NOT_FOUND */
  instance(name: string): CatalogInstance
  entry(kind: DefinableKind, name: string): CatalogObject | undefined
  /** File that defines an object, or would if it were right. */
  fileOf(kind: DefinableKind, name: string): string | undefined
  package(name: string): CatalogPackage | undefined
  held(): readonly PruneCandidate[]
  /** Instances whose document is gone and of which something is still there. */
  readonly leaving: Map<InstanceName, Leaving>
}

const packageMatches = (entry: CatalogPackage, name: string): boolean => {
  const { vendor, name: own, version, file } = entry.package
  return [entry.digest, `${vendor}/${own}:${version}`, file].includes(name)
}

export const createView = (watcher: Pick<Watcher, 'catalog'>, board: Board): View => {
  const leaving: View['leaving'] = new Map()

  const users = (pack: CatalogPackage): readonly string[] =>
    [...watcher.catalog().instances.values()]
      .filter((entry) => entry.package?.digest === pack.digest)
      .map((entry) => entry.document.metadata.name)

  const instanceOf = (entry: CatalogInstance): ApiObjects['ServiceInstance'] =>
    instanceObject(entry, board.statusFor(entry))
  const leavingOf = (name: InstanceName, gone: Leaving): ApiObjects['ServiceInstance'] =>
    leavingInstance(name, gone, board.status(name))

  const dataCenterOf = (entry: CatalogObject<DataCenter>): ApiObjects['DataCenter'] =>
    dataCenterObject(entry, board.topology(entry.key))
  const linkOf = (entry: CatalogObject<Link>): ApiObjects['Link'] => linkObject(entry, board.topology(entry.key))

  const byName = <T extends AnyObject>(objects: readonly T[]): readonly T[] =>
    objects.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))

  const lists: { readonly [K in ObjectKind]: () => readonly ApiObjects[K][] } = {
    ServiceInstance: () => {
      // What leaves is still more than what was refused in its place.
      const refused = watcher
        .catalog()
        .refused.filter(({ kind, name }) => kind === 'ServiceInstance' && !leaving.has(name))
      return byName([
        ...[...watcher.catalog().instances.values()].map(instanceOf),
        ...[...leaving].map(([name, gone]) => leavingOf(name, gone)),
        ...refused.map(refusedInstance),
      ])
    },
    DataCenter: () => byName(dataCenterEntries(watcher.catalog()).map(dataCenterOf)),
    Link: () => byName([...watcher.catalog().links.values()].map(linkOf)),
    Package: () => watcher.catalog().packages.map((pack) => packageObject(pack, users(pack))),
    File: () => watcher.catalog().files.map(fileObject),
  }
  const list: View['list'] = (kind) => lists[kind]()

  const findPackage: View['package'] = (name) =>
    watcher
      .catalog()
      .packages.findLast((pack) => packageMatches(pack, name) || packageObject(pack, []).metadata.name === name)

  const object: View['object'] = (key) => {
    const { kind, name: text } = kindOf(key)
    const name = parseObjectName(text)
    if (name === undefined) return undefined
    const { instances, links } = watcher.catalog()
    const [instance, gone, dataCenter, link] = [
      ...[instances.get(name), leaving.get(name)],
      ...[dataCenterEntries(watcher.catalog()).find((one) => one.key === key), links.get(name)],
    ] as const
    if (kind === 'ServiceInstance') {
      if (instance !== undefined) return instanceOf(instance)
      const refused = watcher.catalog().refused.find((one) => one.key === key)
      return gone === undefined ? refused && refusedInstance(refused) : leavingOf(name, gone)
    }
    return kind === 'DataCenter' ? dataCenter && dataCenterOf(dataCenter) : link && linkOf(link)
  }

  const entry: View['entry'] = (kind, text) => {
    const { instances, dataCenters, links } = watcher.catalog()
    const table: ReadonlyMap<string, CatalogObject> = {
      ServiceInstance: instances,
      DataCenter: dataCenters,
      Link: links,
    }[kind]
    return table.get(text)
  }

  return {
    leaving,
    list,
    get: (kind, name) => {
      const wanted = kind === 'Package' ? findPackage(name)?.digest : undefined
      return list(kind).findLast(
        (one) => one.metadata.name === name || (one.kind === 'Package' && one.spec.digest === wanted),
      )
    },
    object,
    instance: (text) => {
      const name = parseObjectName(text)
      const found = name === undefined ? undefined : watcher.catalog().instances.get(name)
      if (found !== undefined) return found
      throw new ApiError('NOT_FOUND', `no instance named "${text}"`, {
        next: "'sonctl get instances' lists what is there",
      })
    },
    entry,
    fileOf: (kind, name) =>
      (entry(kind, name) ?? watcher.catalog().refused.find((one) => one.kind === kind && one.name === name))?.source
        .file,
    package: findPackage,
    held: () =>
      (watcher.catalog().held?.objects ?? []).map((key) => {
        const { kind, name } = kindOf(key)
        return { kind, name, file: entry(kind, name)?.source.file ?? '' }
      }),
  }
}
