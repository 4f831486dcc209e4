import { copyFile, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type {
  AnyObject,
  ApiObjects,
  AppliedObject,
  Backend,
  Change,
  DefinableKind,
  Diff,
  LogLine,
  ObjectKind,
  Target,
} from '../api/backend.ts'
import { kindNames } from '../api/kinds.ts'
import { ApiError } from '../api/errors.ts'
import type { ObservedContainer } from '../model/actual.ts'
import { isError } from '../model/diagnostics.ts'
import { parseObjectName, type InstanceName } from '../model/names.ts'
import type { Owned } from '../model/ownership.ts'
import type { ManifestDocument } from '../model/documents.ts'
import type { Controller } from '../reconcile/controller.ts'
import type { LoopContext } from '../reconcile/context.ts'
import { resolvePackage } from '../watch/packages.ts'
import type { CatalogChange, CatalogInstance, CatalogPackage, ObjectKey, Parsers, Watcher } from '../watch/types.ts'
import type { Board } from './board.ts'
import { countDocuments, removeDocument, replaceManifest, setField } from './manifest-files.ts'
import { dataCenterObject, fileObject, instanceObject, linkObject, packageName, packageObject } from './objects.ts'

export interface BackendOptions {
  readonly context: LoopContext
  readonly watcher: Watcher
  readonly controller: Controller
  readonly board: Board
  readonly parsers: Parsers
  readonly directory: string
  readonly preview: (entry: CatalogInstance) => Promise<Diff>
  /** Ends the daemon and all services. */
  readonly exit: () => Promise<void>
}

const kindOf = (key: ObjectKey): { readonly kind: DefinableKind; readonly name: string } => {
  const [kind = '', name = ''] = key.split('/')
  return { kind: kind as DefinableKind, name } // an ObjectKey begins with a kind of document
}

export const createBackend = (options: BackendOptions): Backend & { close(): void } => {
  const { context, watcher, board, directory } = options
  const { containers } = context.engines
  const listeners = new Set<(change: Change) => void>()
  const tell = (change: Change): void => {
    for (const listener of listeners) listener(change)
  }

  const users = (pack: CatalogPackage): readonly string[] =>
    [...watcher.catalog().instances.values()]
      .filter((entry) => entry.package?.digest === pack.digest)
      .map((entry) => entry.document.metadata.name)

  /** Instances whose document is gone and of which something is still there. */
  const leaving = new Map<InstanceName, { readonly entry: CatalogInstance; readonly since: string }>()
  const instanceOf = (entry: CatalogInstance): ApiObjects['ServiceInstance'] =>
    instanceObject(entry, board.statusFor(entry), leaving.get(entry.document.metadata.name)?.since)

  const lists: { readonly [K in ObjectKind]: () => readonly ApiObjects[K][] } = {
    ServiceInstance: () =>
      [...watcher.catalog().instances.values(), ...[...leaving.values()].map(({ entry }) => entry)].map(instanceOf),
    DataCenter: () => [...watcher.catalog().dataCenters.values()].map(dataCenterObject),
    Link: () => [...watcher.catalog().links.values()].map(linkObject),
    Package: () => watcher.catalog().packages.map((pack) => packageObject(pack, users(pack))),
    File: () => watcher.catalog().files.map(fileObject),
  }
  const byName = <T extends AnyObject>(objects: readonly T[]): readonly T[] =>
    [...objects].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))

  const list = <K extends ObjectKind>(kind: K): Promise<readonly ApiObjects[K][]> => {
    const objects: readonly ApiObjects[K][] = lists[kind]()
    return Promise.resolve(kind === 'Package' ? objects : byName(objects))
  }

  const matches = (object: AnyObject, name: string): boolean => {
    if (object.metadata.name === name) return true
    if (object.kind !== 'Package') return false
    const { vendor, name: pack, version, digest } = object.spec
    return [digest, `${vendor}/${pack}:${version}`, object.spec.file].includes(name)
  }

  const get = async <K extends ObjectKind>(kind: K, name: string): Promise<ApiObjects[K] | undefined> =>
    (await list(kind)).findLast((object) => matches(object, name))

  const entryOf = (name: string): CatalogInstance => {
    const parsed = parseObjectName(name)
    const entry = parsed === undefined ? undefined : watcher.catalog().instances.get(parsed)
    if (entry !== undefined) return entry
    throw new ApiError('NOT_FOUND', `no instance named "${name}"`, { next: "'sonctl get instances' lists what is there" })
  }

  const definedBy = (kind: DefinableKind, name: string): string | undefined => {
    const catalog = watcher.catalog()
    const table = { ServiceInstance: catalog.instances, DataCenter: catalog.dataCenters, Link: catalog.links }[kind]
    const parsed = parseObjectName(name)
    return parsed === undefined ? undefined : table.get(parsed)?.source.file
  }

  const generationOf = (document: ManifestDocument): number => {
    const catalog = watcher.catalog()
    const table = { ServiceInstance: catalog.instances, DataCenter: catalog.dataCenters, Link: catalog.links }
    return table[document.kind].get(document.metadata.name)?.generation ?? 0
  }

  const parsed = (manifest: string): readonly { document: ManifestDocument; text: string }[] => {
    const { documents, diagnostics } = options.parsers.manifest('manifest', new TextEncoder().encode(manifest))
    if (diagnostics.some(isError))
      throw new ApiError('INVALID', 'the manifest was refused', {
        details: { diagnostics },
        next: 'mend what the diagnostics say and apply it again',
      })
    if (documents.length === 0) throw new ApiError('INVALID', 'the manifest defines no object')
    const lines = manifest.split('\n')
    return documents.map(({ document, line }, index) => {
      const end = documents[index + 1]?.line ?? lines.length + 1
      const text = lines
        .slice(line - 1, end - 1)
        .filter((one) => !/^---(\s|$)/.test(one))
        .join('\n')
      return { document, text: text.endsWith('\n') ? text : `${text}\n` }
    })
  }

  const target = async (document: ManifestDocument): Promise<{ file: string; old: string | undefined }> => {
    const { kind, metadata } = document
    const file = definedBy(kind, metadata.name)
    if (file === undefined) return { file: `${kind.toLowerCase()}-${metadata.name}.yaml`, old: undefined }
    if ((await countDocuments(directory, file)) > 1)
      throw new ApiError('CONFLICT', `${file} defines ${kind} ${metadata.name} beside other objects`, {
        next: `edit ${join(directory, file)} itself`,
      })
    return { file, old: await readFile(join(directory, file), 'utf8') }
  }

  const apply: Backend['apply'] = async (manifest, { dryRun }) => {
    const documents = parsed(manifest)
    const planned = await Promise.all(documents.map(async (one) => ({ ...one, ...(await target(one.document)) })))
    if (!dryRun) {
      for (const { file, text, old } of planned) if (old !== text) await replaceManifest(directory, file, text)
      await watcher.rescan()
    }
    return Promise.all(
      planned.map(async ({ document, file, text, old }): Promise<AppliedObject> => {
        const diff = dryRun && document.kind === 'ServiceInstance' ? await previewOf(document) : undefined
        return {
          kind: document.kind,
          name: document.metadata.name,
          file,
          action: old === undefined ? 'created' : old === text ? 'unchanged' : 'configured',
          generation: generationOf(document),
          ...(diff === undefined ? {} : { diff }),
        }
      }),
    )
  }

  const previewOf = (document: ManifestDocument & { kind: 'ServiceInstance' }): Promise<Diff> => {
    const known = watcher.catalog().instances.get(document.metadata.name)
    return options.preview({
      key: `ServiceInstance/${document.metadata.name}`,
      document,
      source: known?.source ?? { file: 'manifest', line: 1 },
      generation: (known?.generation ?? 0) + 1,
      createdAt: known?.createdAt ?? new Date(context.clock.now()).toISOString(),
      accepted: true,
      diagnostics: [],
      package: resolvePackage(watcher.catalog().packages, document.spec.package, known?.package?.digest),
    })
  }

  const remove: Backend['delete'] = async (kind, name) => {
    const notFound = new ApiError('NOT_FOUND', `nothing defines ${kind} "${name}"`, {
      next: "'sonctl get' lists what is there",
    })
    if (kind === 'Package') {
      const pack = watcher.catalog().packages.findLast((one) => matches(packageObject(one, []), name))
      if (pack === undefined || pack.files.length === 0) throw notFound
      await watcher.markDeliberate(pack.files)
      for (const file of pack.files) await rm(join(directory, file), { force: true })
      await watcher.rescan()
      return { kind, name: packageName(pack), file: pack.files.join(', ') }
    }
    const file = definedBy(kind, name)
    if (file === undefined) throw notFound
    await watcher.markDeliberate([file])
    await removeDocument(directory, file, kind, name)
    await watcher.rescan()
    return { kind, name, file }
  }

  const suspend: Backend['suspend'] = async (name, value) => {
    const entry = entryOf(name)
    const { file } = entry.source
    await setField(directory, file, { kind: 'ServiceInstance', name }, ['spec', 'suspend'], value)
    await watcher.rescan()
    const after = entryOf(name)
    const action = after.generation === entry.generation ? 'unchanged' : 'configured'
    return { kind: 'ServiceInstance', name, file, action, generation: after.generation }
  }

  const onboard: Backend['onboard'] = async ({ path, fileName, sha256 }) => {
    const bytes = await readFile(path)
    const { package: pack, diagnostics } = await options.parsers.package(fileName, bytes)
    if (pack === undefined)
      throw new ApiError('INVALID', `${fileName} is not a package that can be onboarded`, {
        details: { diagnostics },
        next: `'sonctl validate ${fileName}' tells the same without a daemon`,
      })
    const digest = `sha256:${sha256}`
    const there = watcher.catalog().packages.find((one) => one.digest === digest && one.files.length > 0)
    if (there === undefined) {
      const temporary = join(directory, `.${fileName}.${sha256.slice(0, 8)}.tmp`)
      await copyFile(path, temporary)
      // Clients use one file name for many packages: another package of that name is not replaced.
      const taken = watcher.catalog().files.some(({ file }) => file === fileName)
      const name = taken ? fileName.replace(/(?=\.[^.]+$)/, `-${sha256.slice(0, 8)}`) : fileName
      await rename(temporary, join(directory, name))
    }
    await watcher.rescan()
    const object = await get('Package', digest)
    if (object === undefined) throw new ApiError('INTERNAL', `${fileName} was written and not found again`)
    return object
  }

  const found = async (wanted: Target): Promise<readonly Owned<ObservedContainer>[]> => {
    const name = parseObjectName(wanted.instance)
    const seen = name === undefined ? [] : await containers.observe(name)
    const fitting = seen.filter(
      (one) =>
        (wanted.vnf === undefined || one.vnf === wanted.vnf) &&
        (wanted.vdu === undefined || one.vdu === wanted.vdu) &&
        (wanted.copy === undefined || one.copy === wanted.copy) &&
        (wanted.replica === undefined || one.replica === wanted.replica),
    )
    if (fitting.length > 0) return fitting
    const there = seen.map(({ vnf }) => vnf)
    throw new ApiError('NOT_FOUND', `no container of ${wanted.instance} is meant by that`, {
      next: there.length === 0 ? `'sonctl describe instance ${wanted.instance}' tells why it has none` : `there are: ${[...new Set(there)].join(', ')}`,
    })
  }

  const scriptLines = async function* (
    targets: readonly Owned<ObservedContainer>[],
    script: 'start' | 'stop',
  ): AsyncIterable<LogLine> {
    for (const { name } of targets) {
      const result = await containers.scriptOutput(name, script)
      if (result === undefined) continue
      for (const line of result.output.split('\n').filter((one) => one !== '')) yield { container: name, line }
      yield { container: name, line: `(ended with code ${result.exitCode})` }
    }
  }

  const logs: Backend['logs'] = async (wanted, { tail, follow, signal }) => {
    const targets = await found(wanted)
    if (wanted.script !== undefined) return scriptLines(targets, wanted.script)
    const streams = targets.map(({ name }) =>
      containers.logs(name, { ...(tail === undefined ? {} : { tail }), follow, signal }),
    )
    return merged(
      streams,
      targets.map(({ name }) => name),
    )
  }

  const exec: Backend['exec'] = async (wanted, command) => {
    const [only, ...others] = await found(wanted)
    if (only === undefined || others.length > 0)
      throw new ApiError('CONFLICT', 'several containers are meant by that', {
        next: `name one: ${[only, ...others].map((one) => one?.name ?? '').join(', ')}`,
      })
    return { container: only.name, ...(await containers.exec(only.name, command)) }
  }

  const held = () => {
    const prune = watcher.catalog().held
    return (prune?.objects ?? []).map((key) => ({ ...kindOf(key), file: definedBy(kindOf(key).kind, kindOf(key).name) ?? '' }))
  }

  const objectOf = (key: ObjectKey): AnyObject | undefined => {
    const { kind, name } = kindOf(key)
    return lists[kind]().find((object) => object.metadata.name === name)
  }
  const known = new Map<string, AnyObject>()
  const changedObject = (key: ObjectKey): void => {
    const object = objectOf(key)
    const before = known.get(key)
    if (object !== undefined) {
      known.set(key, object)
      tell({ type: before === undefined ? 'ADDED' : 'MODIFIED', object })
    } else if (before !== undefined) {
      known.delete(key)
      tell({ type: 'DELETED', object: before })
    }
  }
  const present = new Map(watcher.catalog().instances)
  const noteInstance = (key: ObjectKey): void => {
    const name = parseObjectName(kindOf(key).name)
    if (kindOf(key).kind !== 'ServiceInstance' || name === undefined) return
    const entry = watcher.catalog().instances.get(name)
    const before = present.get(name)
    if (entry !== undefined) {
      present.set(name, entry)
      leaving.delete(name)
    } else if (before !== undefined) {
      present.delete(name)
      leaving.set(name, { entry: before, since: new Date(context.clock.now()).toISOString() })
    }
  }
  const stops = [
    watcher.onChange(({ objects }: CatalogChange) => {
      for (const key of objects) {
        noteInstance(key)
        changedObject(key)
      }
    }),
    board.onGone((name: InstanceName) => {
      leaving.delete(name)
      changedObject(`ServiceInstance/${name}`)
    }),
    board.onStatus((name: InstanceName) => {
      changedObject(`ServiceInstance/${name}`)
    }),
    board.onEvent((event) => {
      tell({ type: 'EVENT', event })
    }),
  ]

  return {
    list,
    get,
    events: ({ kind, name }) =>
      Promise.resolve(
        board.events().filter(({ object }) => {
          if (kind === undefined) return true
          const prefix = `${kindNames[kind].singular}/`
          return name === undefined ? object.startsWith(prefix) : object === `${prefix}${name}`
        }),
      ),
    subscribe: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    diff: async (name) => options.preview(entryOf(name)),
    apply,
    delete: remove,
    suspend,
    onboard,
    logs,
    exec,
    pendingPrune: () => Promise.resolve(held()),
    confirmPrune: async () => {
      const candidates = held()
      await watcher.confirmPrune()
      return candidates
    },
    ready: () => {
      const loop = options.controller.ready()
      const catalog = watcher.catalog()
      const disk = context.store.problem()
      const checks = [
        { name: 'files', ok: catalog.complete, message: catalog.complete ? '' : catalog.gaps.join('; ') },
        { name: 'engines', ok: loop.ready, message: loop.message },
      ]
      return Promise.resolve({
        ready: checks.every(({ ok }) => ok),
        checks: [...checks, { name: 'state directory', ok: disk === undefined, message: disk ?? '' }],
      })
    },
    exit: options.exit,
    close: () => {
      for (const stop of stops) stop()
    },
  }
}

/** Lines of several streams in the order they come. */
async function* merged(
  streams: readonly AsyncIterable<string>[],
  names: readonly string[],
): AsyncIterable<LogLine> {
  const iterators = streams.map((stream) => stream[Symbol.asyncIterator]())
  const next = async (index: number) => ({ index, result: await iterators[index]?.next() })
  const waiting = new Map(iterators.map((_, index) => [index, next(index)]))
  while (waiting.size > 0) {
    const { index, result } = await Promise.race(waiting.values())
    if (result === undefined || result.done === true) waiting.delete(index)
    else {
      waiting.set(index, next(index))
      yield { container: names[index] ?? '', line: result.value }
    }
  }
}
