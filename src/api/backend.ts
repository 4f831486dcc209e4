import type { Diagnostic } from '../model/diagnostics.ts'
import type { Plan } from '../model/plan.ts'
import type { ApiObject, EventRecord, FileReport, InstanceStatus, TopologyStatus } from '../model/status.ts'

/**
 * What the server needs of the daemon. The server checks who asks and turns HTTP into these calls; the backend knows
 * files, status and the loop. Backends throw `ApiError` (errors.ts) where the caller can do something; anything else
 * is answered as an internal error and logged.
 */
export interface Backend {
  /** In the order of names; packages in the order they were onboarded, the newest last. */
  list<K extends ObjectKind>(kind: K): Promise<readonly ApiObjects[K][]>
  /** Undefined when there is none. A package is found by its object name, its digest or `vendor/name:version` too. */
  get<K extends ObjectKind>(kind: K, name: string): Promise<ApiObjects[K] | undefined>
  /** In the order in which they were told last. */
  events(filter: EventFilter): Promise<readonly EventRecord[]>
  /** From now on; the function given back ends it. The listener must not throw. */
  subscribe(listener: (change: Change) => void): () => void

  /** What one pass would do for this instance now. `NOT_FOUND` when there is no such instance. */
  diff(instance: string): Promise<Diff>
  /**
   * Writes each document of a YAML stream into the watched directory: into the file that defines the object when that file
   * holds it alone, else, for a new object, `<kind>-<name>.yaml` (kind in lower case). Nothing is written unless every document is valid
   * and can be written. `INVALID` with diagnostics; `CONFLICT`, naming the file, when a file with several documents defines it.
   * Resolves when the change is on the disk and has been read back, not when it is carried out.
   */
  apply(manifest: string, options: ApplyOptions): Promise<readonly AppliedObject[]>
  /** Removes the file, or the document from its file. `NOT_FOUND` when nothing defines it. */
  delete(kind: DefinableKind | 'Package', name: string): Promise<DeletedObject>
  /** Sets `spec.suspend` in the instance's file; comments in it stay. */
  suspend(instance: string, suspend: boolean): Promise<AppliedObject>
  /** Takes a package into the watched directory; the file at `path` is the backend's to move or copy. `INVALID` with diagnostics. */
  onboard(upload: Upload): Promise<ApiObjects['Package']>

  /** Resolves with the lines of the containers that `target` names, as they come. `NOT_FOUND` when it names none. */
  logs(target: LogTarget, options: LogOptions): Promise<AsyncIterable<LogLine>>
  /** One container; `CONFLICT` listing the candidates when `target` names several. */
  exec(target: Target, command: readonly string[], signal: AbortSignal): Promise<ExecResult>

  /** Deletions that the guard `maxPrunePercent` holds back. */
  pendingPrune(): Promise<readonly PruneCandidate[]>
  /** Lets them happen; gives what was let go. */
  confirmPrune(): Promise<readonly PruneCandidate[]>

  ready(): Promise<Readiness>
  /** Ends the daemon and every service, as the gatekeeper's exit did. Resolves when it has been taken on. */
  exit(): Promise<void>
}

/** Kinds of objects that can be looked at. */
export const objectKinds = ['ServiceInstance', 'DataCenter', 'Link', 'Package', 'File'] as const
export type ObjectKind = (typeof objectKinds)[number]
/** Kinds that manifests define. */
export const definableKinds = ['ServiceInstance', 'DataCenter', 'Link'] as const satisfies readonly ObjectKind[]
export type DefinableKind = (typeof definableKinds)[number]

/** As the user writes it, with defaults filled in. */
export interface InstanceSpec {
  readonly package: string
  readonly [field: string]: unknown
}

/** As the user writes it. */
export interface DataCenterSpec {
  readonly capacity: { readonly cpu?: number; readonly memory?: { readonly size: number; readonly unit: string } }
}

/** As the user writes it. */
export interface LinkSpec {
  readonly endpoints: readonly [string, string]
  readonly bandwidth?: string
  readonly delay?: string
  readonly jitter?: string
  readonly loss?: string | number
}

export interface PackageSpec {
  readonly vendor: string
  readonly name: string
  readonly version: string
  /** `sha256:...` */
  readonly digest: string
  /** Hex, of the file. */
  readonly sha1: string
  /** Bytes. */
  readonly size: number
  /** Base name. */
  readonly file: string
  readonly description: string
  readonly functions: readonly { readonly vnfId: string; readonly descriptor: string }[]
  readonly links: readonly { readonly id: string; readonly type: string; readonly ends: readonly string[] }[]
}

export interface PackageStatus {
  readonly notices: readonly Diagnostic[]
  /** Names of the instances that use it. */
  readonly instances: readonly string[]
}

/** `metadata.name` of a File is its path relative to the watched directory. */
export interface ApiObjects {
  readonly ServiceInstance: ApiObject<'ServiceInstance', InstanceSpec, InstanceStatus>
  readonly DataCenter: ApiObject<'DataCenter', DataCenterSpec, TopologyStatus>
  readonly Link: ApiObject<'Link', LinkSpec, TopologyStatus>
  readonly Package: ApiObject<'Package', PackageSpec, PackageStatus>
  readonly File: ApiObject<'File', Readonly<Record<string, never>>, FileReport>
}

export type AnyObject = ApiObjects[ObjectKind]

/** `object` of an event is `KIND/NAME`; any name of the kind will do, `instance/demo`. */
export interface EventFilter {
  readonly kind?: ObjectKind
  readonly name?: string
}

export type Change =
  | { readonly type: 'ADDED' | 'MODIFIED' | 'DELETED'; readonly object: AnyObject }
  | { readonly type: 'EVENT'; readonly event: EventRecord }

export interface Diff {
  /** As `sonctl diff` shows it. */
  readonly text: string
  readonly plan: Plan
}

export interface ApplyOptions {
  /** Nothing is written; the answer tells what would be, with the plan of each instance. */
  readonly dryRun: boolean
}

export interface AppliedObject {
  readonly kind: DefinableKind
  readonly name: string
  /** Relative to the watched directory. */
  readonly file: string
  readonly action: 'created' | 'configured' | 'unchanged'
  /** After the change. */
  readonly generation: number
  /** Only of instances, and only in a dry run. */
  readonly diff?: Diff
}

export interface DeletedObject {
  readonly kind: DefinableKind | 'Package'
  readonly name: string
  readonly file: string
}

export interface Upload {
  /** A temporary file that holds the bytes; the server removes it afterwards where it is still there. */
  readonly path: string
  /** Base name the user gave, made safe: letters, digits, `.`, `_`, `-`; ends in `.son` or `.tgo`. */
  readonly fileName: string
  /** Bytes. */
  readonly size: number
  /** Hex. */
  readonly sha1: string
  /** Hex. */
  readonly sha256: string
}

/** Containers of an instance; what is absent is not restricted. */
export interface Target {
  readonly instance: string
  readonly vnf?: string
  readonly vdu?: string
  readonly copy?: number
  readonly replica?: number
}

export interface LogTarget extends Target {
  /** The output of a script instead of that of the program. */
  readonly script?: 'start' | 'stop'
}

export interface LogOptions {
  readonly tail?: number
  readonly follow: boolean
  readonly signal: AbortSignal
}

export interface LogLine {
  readonly container: string
  readonly line: string
}

export interface ExecResult {
  readonly container: string
  readonly exitCode: number
  readonly output: string
}

export interface PruneCandidate {
  readonly kind: DefinableKind
  readonly name: string
  readonly file: string
}

export interface Readiness {
  readonly ready: boolean
  readonly checks: readonly { readonly name: string; readonly ok: boolean; readonly message: string }[]
}
