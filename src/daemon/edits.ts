import { open } from 'node:fs/promises'
import { join } from 'node:path'
import pLimit from 'p-limit'
import type { AppliedObject, Backend, Diff } from '../api/backend.ts'
import { ApiError } from '../api/errors.ts'
import { bytesOfFile, piecesOf } from '../model/byte-source.ts'
import { isError } from '../model/diagnostics.ts'
import type { ManifestDocument, ServiceInstance } from '../model/documents.ts'
import { resolvePackage } from '../watch/packages.ts'
import type { CatalogInstance, Parsers, Watcher } from '../watch/types.ts'
import {
  countDocuments,
  documentAt,
  readManifest,
  removeDocument,
  removeFile,
  replaceManifest,
  setField,
} from './manifest-files.ts'
import { packageName } from './objects.ts'
import type { View } from './view.ts'

export interface EditOptions {
  readonly watcher: Watcher
  readonly view: View
  readonly parsers: Parsers
  /** The watched directory. */
  readonly directory: string
  readonly preview: (entry: CatalogInstance) => Promise<Diff>
  readonly nowText: () => string
}

export type Edits = Pick<Backend, 'apply' | 'delete' | 'suspend' | 'onboard'>

/** Changes asked through the API: each is an edit of a file in the watched directory, read back before it is answered. */
export const createEdits = (options: EditOptions): Edits => {
  const { watcher, view, directory } = options
  /** A file is read and written again by one edit at a time, so that none undoes another. */
  const inTurn = pLimit(1)

  const parsed = (manifest: string): readonly { document: ManifestDocument; text: string }[] => {
    const { documents, diagnostics } = options.parsers.manifest('manifest', new TextEncoder().encode(manifest))
    if (diagnostics.some(isError))
      throw new ApiError('INVALID', 'the manifest was refused', {
        details: { diagnostics },
        next: 'mend what the diagnostics say and apply it again',
      })
    if (documents.length === 0) throw new ApiError('INVALID', 'the manifest defines no object')
    return documents.map(({ document, line, item }) => ({ document, text: documentAt(manifest, line, item) }))
  }

  const target = async ({
    kind,
    metadata: { name },
  }: ManifestDocument): Promise<{ file: string; old: string | undefined }> => {
    const file = view.fileOf(kind, name)
    if (file === undefined) {
      const fresh = `${kind.toLowerCase()}-${name}.yaml`
      if ((await readManifest(directory, fresh)) === undefined) return { file: fresh, old: undefined }
      throw new ApiError('CONFLICT', `${fresh} is there and does not define ${kind} ${name}`, {
        next: `move ${join(directory, fresh)} away, or edit it itself`,
      })
    }
    const old = await readManifest(directory, file)
    if (old !== undefined && countDocuments(old) > 1)
      throw new ApiError('CONFLICT', `${file} defines ${kind} ${name} beside other objects`, {
        next: `edit ${join(directory, file)} itself`,
      })
    return { file, old }
  }

  const apply: Backend['apply'] = async (manifest, { dryRun }) => {
    const documents = parsed(manifest)
    const planned = await inTurn(async () => {
      const targets = await Promise.all(documents.map(async (one) => ({ ...one, ...(await target(one.document)) })))
      if (!dryRun)
        for (const { file, text, old } of targets) if (old !== text) await replaceManifest(directory, file, text)
      return targets
    })
    if (!dryRun) await watcher.rescan()
    return Promise.all(
      planned.map(async ({ document, file, text, old }): Promise<AppliedObject> => {
        const diff = dryRun && document.kind === 'ServiceInstance' ? await previewOf(document) : undefined
        return {
          kind: document.kind,
          name: document.metadata.name,
          file,
          action: old === undefined ? 'created' : old === text ? 'unchanged' : 'configured',
          generation: view.entry(document.kind, document.metadata.name)?.generation ?? 0,
          ...(diff === undefined ? {} : { diff }),
        }
      }),
    )
  }

  const previewOf = (document: ServiceInstance): Promise<Diff> => {
    const known = watcher.catalog().instances.get(document.metadata.name)
    return options.preview({
      key: `ServiceInstance/${document.metadata.name}`,
      document,
      source: known?.source ?? { file: 'manifest', line: 1 },
      generation: (known?.generation ?? 0) + 1,
      createdAt: known?.createdAt ?? options.nowText(),
      accepted: true,
      diagnostics: [],
      package: resolvePackage(watcher.catalog().packages, document.spec.package, known?.package?.digest),
    })
  }

  const remove: Backend['delete'] = async (kind, name) => {
    const notFound = new ApiError('NOT_FOUND', `nothing defines ${kind} "${name}"`, {
      next:
        kind === 'DataCenter' && view.get(kind, name) !== undefined
          ? 'it is there because no data center is declared; it goes when others are'
          : "'sonctl get' lists what is there",
    })
    if (kind === 'Package') {
      const pack = view.package(name)
      if (pack === undefined || pack.files.length === 0) throw notFound
      await watcher.markDeliberate(pack.files)
      for (const file of pack.files) await removeFile(directory, file)
      await watcher.rescan()
      return { kind, name: packageName(pack), file: pack.files.join(', ') }
    }
    const file = view.fileOf(kind, name)
    if (file === undefined) throw notFound
    await watcher.markDeliberate([file])
    await inTurn(() => removeDocument(directory, file, kind, name))
    await watcher.rescan()
    return { kind, name, file }
  }

  const suspend: Backend['suspend'] = async (name, value) => {
    const entry = view.instance(name)
    const { file } = entry.source
    await inTurn(() => setField(directory, file, { kind: 'ServiceInstance', name }, ['spec', 'suspend'], value))
    await watcher.rescan()
    const after = view.instance(name)
    const action = after.generation === entry.generation ? 'unchanged' : 'configured'
    return { kind: 'ServiceInstance', name, file, action, generation: after.generation }
  }

  const onboard: Backend['onboard'] = async ({ path, fileName, sha256, size }) => {
    await using upload = await open(path)
    const source = bytesOfFile(upload, size)
    const { package: pack, diagnostics } = await options.parsers.package(fileName, source)
    if (pack === undefined)
      throw new ApiError('INVALID', `${fileName} is not a package that can be onboarded`, {
        details: { diagnostics },
        next: `'sonctl validate ${fileName}' tells the same without a daemon`,
      })
    const digest = `sha256:${sha256}`
    const there = watcher.catalog().packages.find((one) => one.digest === digest && one.files.length > 0)
    if (there === undefined) {
      // Clients use one file name for many packages: another package of that name is not replaced.
      const taken = watcher.catalog().files.some(({ file }) => file === fileName)
      const name = taken ? fileName.replace(/(?=\.[^.]+$)/, `-${sha256.slice(0, 8)}`) : fileName
      await replaceManifest(directory, name, piecesOf(source))
    }
    await watcher.rescan()
    const object = view.get('Package', digest)
    if (object === undefined) throw new ApiError('INTERNAL', `${fileName} was written and not found again`)
    return object
  }

  return { apply, delete: remove, suspend, onboard }
}
