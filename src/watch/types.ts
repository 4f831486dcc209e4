import type { ByteSource } from '../model/byte-source.ts'
import type { Diagnostic } from '../model/diagnostics.ts'
import type { DataCenter, Link, ManifestDocument, ServiceInstance } from '../model/documents.ts'
import type { DataCenterName, InstanceName, ObjectName, PackageDigest } from '../model/names.ts'
import type { ServicePackage } from '../model/package.ts'
import type { FileReport } from '../model/status.ts'

/** `ServiceInstance/demo`. */
export type ObjectKey = `${ManifestDocument['kind']}/${string}`

export const objectKeyOf = (document: ManifestDocument): ObjectKey => `${document.kind}/${document.metadata.name}`

/** A document that counts now: the last good meaning of the oldest file that defines the object. */
export interface CatalogObject<D extends ManifestDocument = ManifestDocument> {
  readonly key: ObjectKey
  readonly document: D
  /** File relative to the watched directory, and the line where the document begins. */
  readonly source: { readonly file: string; readonly line: number }
  /** Counts changes of the spec, from 1; kept over restarts. */
  readonly generation: number
  /** ISO 8601. */
  readonly createdAt: string
  /** False when its file cannot be read, is wrong, or is gone and the deletion is held back: an older meaning is in force. */
  readonly accepted: boolean
  /** What is said about its file now; errors where `accepted` is false. */
  readonly diagnostics: readonly Diagnostic[]
}

export interface CatalogInstance extends CatalogObject<ServiceInstance> {
  /** What `spec.package` stands for; undefined when no such package is there. */
  readonly package: CatalogPackage | undefined
}

export interface CatalogPackage {
  readonly package: ServicePackage
  readonly digest: PackageDigest
  /** Counts onboardings; the highest is the newest. */
  readonly order: number
  /** ISO 8601. */
  readonly onboardedAt: string
  /** Files that hold it, oldest first; none when it is kept for the instances that use it. */
  readonly files: readonly string[]
}

export interface RefusedObject {
  readonly key: ObjectKey
  readonly kind: ManifestDocument['kind']
  readonly name: ObjectName
  readonly source: { readonly file: string; readonly line: number }
  readonly diagnostics: readonly Diagnostic[]
}

/** Deletions that wait for a person. */
export interface HeldPrune {
  readonly files: readonly string[]
  readonly objects: readonly ObjectKey[]
  /** What was seen, and what to do. */
  readonly reason: string
  /** ISO 8601. */
  readonly since: string
}

/** One snapshot of what the watched directory means. Never changed after it was made. */
export interface Catalog {
  /** As configured. */
  readonly directory: string
  /** The directory was read in full since start. */
  readonly complete: boolean
  readonly instances: ReadonlyMap<InstanceName, CatalogInstance>
  readonly dataCenters: ReadonlyMap<DataCenterName, CatalogObject<DataCenter>>
  readonly links: ReadonlyMap<ObjectName, CatalogObject<Link>>
  /** In the order they were onboarded, the newest last. */
  readonly packages: readonly CatalogPackage[]
  /** By path. */
  readonly files: readonly FileReport[]
  /** Objects that a file wants to define and never did rightly: nothing of them is in force. */
  readonly refused: readonly RefusedObject[]
  readonly held: HeldPrune | undefined
  /**
   * Why an object that is not in the catalog may be wanted all the same (directory away, a file whose meaning was never
   * known). Empty: absence is a fact. Whatever is found on the engines without a document is removed only when this is
   * empty or the store has a tombstone for it.
   */
  readonly gaps: readonly string[]
}

export interface CatalogChange {
  /** Objects that are new, changed, gone, or whose report or package changed. */
  readonly objects: ReadonlySet<ObjectKey>
  readonly packages: ReadonlySet<PackageDigest>
  readonly files: ReadonlySet<string>
}

export interface RefusedDocument {
  readonly kind?: string
  readonly name?: string
  readonly line: number
}

export interface ParsedManifest {
  /** Those that are right; all there are when no diagnostic is an error. */
  readonly documents: readonly {
    readonly document: ManifestDocument
    readonly line: number
    /** Its place in a `kind: List`, from 0. */
    readonly item?: number
  }[]
  /** What the others wanted to be, as far as they tell. */
  readonly refused: readonly RefusedDocument[]
  readonly diagnostics: readonly Diagnostic[]
}

export interface ParsedPackage {
  readonly package?: ServicePackage
  readonly diagnostics: readonly Diagnostic[]
}

export interface Parsers {
  /** `file` is the path relative to the watched directory, for diagnostics. */
  manifest(file: string, bytes: Uint8Array): ParsedManifest
  package(file: string, source: ByteSource): Promise<ParsedPackage>
}

/** Time as an argument. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds that never jump. */
  monotonic(): number
  after(ms: number, callback: () => void): () => void
}

export interface Watcher {
  /** Resolves after the first full scan; the catalog is complete when the directory could be read. */
  start(): Promise<void>
  catalog(): Catalog
  /** Called after the catalog changed; the function given back ends it. */
  onChange(listener: (change: CatalogChange) => void): () => void
  /** Looks at the directory now; resolves when what was on disk at the call is in the catalog. */
  rescan(): Promise<void>
  /** Why changes are found later than at once; undefined when nothing stands in the way. */
  problem(): string | undefined
  /** These files are about to be, or have just been, deleted on purpose: the guard does not hold them. Paths relative to the directory. */
  markDeliberate(files: readonly string[]): Promise<void>
  /** Lets held deletions happen; gives what was held. */
  confirmPrune(): Promise<HeldPrune | undefined>
  close(): Promise<void>
}
