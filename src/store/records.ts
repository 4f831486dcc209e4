import type { Diagnostic } from '../model/diagnostics.ts'
import type { ManifestDocument } from '../model/documents.ts'
import type { UnitKey } from '../model/desired.ts'
import type { ContainerName, PackageDigest } from '../model/names.ts'
import type { InstanceStatus, TopologyStatus } from '../model/status.ts'

/** What is remembered of a file of the watched directory: its last good meaning. Key: path below the directory. */
export interface FileMemory {
  readonly file: string
  readonly kind: 'manifest' | 'package'
  /** Counts files in the order they were first seen; the lower number is the older file. */
  readonly seen: number
  /** ISO 8601. */
  readonly firstSeen: string
  /** Bytes that were last good, of a manifest, in base64; they are parsed again after a restart. */
  readonly source?: string
  /** Its documents, used when an upgraded parser no longer takes the bytes. */
  readonly documents: readonly { readonly document: ManifestDocument; readonly line: number }[]
  /** Package that was last good. */
  readonly digest?: PackageDigest
}

/** What is remembered of an object. Key: `Kind/name`. */
export interface ObjectMemory {
  readonly key: string
  /** File that owns it. */
  readonly file: string
  /** Counts changes of the spec, from 1. */
  readonly generation: number
  /** ISO 8601. */
  readonly createdAt: string
  /** As it counts now; stands in for the file's memory when that is lost. */
  readonly document: ManifestDocument
  /** Of an instance: package it was last resolved to. */
  readonly package?: PackageDigest
}

/** An onboarded package. Key: its digest. The bytes are in the store too, as a blob of that name. */
export interface PackageMemory {
  readonly digest: PackageDigest
  /** Counts onboardings; the highest is the newest. */
  readonly order: number
  /** ISO 8601. */
  readonly onboardedAt: string
  /** Base name of its file, for the parser. */
  readonly file: string
}

/** An object whose deletion was seen; kept until nothing of it is left on the engines. Key: `Kind/name`. */
export interface Tombstone {
  readonly key: string
  /** ISO 8601. */
  readonly deletedAt: string
  /** File that defined it. */
  readonly file: string
  readonly generation: number
}

/** The watched directory itself. Key: its path. */
export interface DirectoryMemory {
  /** Device and inode as decimal text: both may exceed what a number holds. */
  readonly device: string
  readonly inode: string
  /** Files whose disappearance is held back, with the reason. */
  readonly held: readonly string[]
  readonly heldBecause: string
  /** ISO 8601; empty when nothing is held. */
  readonly heldSince: string
}

/** Key: name of the instance. */
export interface StatusMemory {
  readonly status: InstanceStatus
  /** What was last said of its file. */
  readonly diagnostics: readonly Diagnostic[]
  /** Generation that was last ready, 0 before the first; absent where a version wrote it that did not keep it. */
  readonly inPlace?: number
}

/** Of data centers and links. Key: key of the object, `Link/dc1-dc2`. */
export interface TopologyMemory {
  readonly status: TopologyStatus
}

/** How a container fared, so that back-off outlives the daemon. Key: name of the container. */
export interface ContainerHistory {
  readonly restarts: number
  /** Ends in a row that count as crashes. */
  readonly crashes: number
  /** As the engine tells it; names the last run that was counted. */
  readonly startedAt: string
  /** ISO 8601: from when on it may be started again; empty while it runs. */
  readonly nextStart: string
  /** What happened, for the user. */
  readonly reason: string
}

/** How a script of a container ended. */
export interface ScriptEnd {
  readonly exitCode: number
  readonly output: string
  /** ISO 8601. */
  readonly endedAt: string
}

/** What became of the scripts of a container's last run; outlives the container. Key: name of the container. */
export interface ScriptMemory extends UnitKey {
  readonly container: ContainerName
  /** As the engine tells it; names the run. */
  readonly startedAt: string
  readonly start?: ScriptEnd
  readonly stop?: ScriptEnd
}

/** Every kind of record, with what it holds. Each kind is a folder of the state directory. */
export interface Records {
  files: FileMemory
  objects: ObjectMemory
  packages: PackageMemory
  tombstones: Tombstone
  directories: DirectoryMemory
  statuses: StatusMemory
  topology: TopologyMemory
  histories: ContainerHistory
  scriptEnds: ScriptMemory
}

export type RecordKind = keyof Records

type Sort = 'string' | 'number' | 'object' | 'array'

/** Checks the outer form of a record that comes from disk: the file's schema number vouches for what is inside. */
const shaped =
  <T>(required: { readonly [K in keyof T]-?: Sort | `${Sort}?` }) =>
  (value: unknown): value is T => {
    if (typeof value !== 'object' || value === null) return false
    const found = new Map<string, unknown>(Object.entries(value))
    return Object.entries<string>(required).every(([key, sort]) => {
      const item = found.get(key)
      if (item === undefined) return sort.endsWith('?')
      const wanted = sort.replace('?', '')
      if (wanted === 'array') return Array.isArray(item)
      return typeof item === wanted && item !== null
    })
  }

/** The form of every kind of record. */
export const recordShapes: { readonly [K in RecordKind]: (value: unknown) => value is Records[K] } = {
  files: shaped<FileMemory>({
    file: 'string',
    kind: 'string',
    seen: 'number',
    firstSeen: 'string',
    source: 'string?',
    documents: 'array',
    digest: 'string?',
  }),
  objects: shaped<ObjectMemory>({
    key: 'string',
    file: 'string',
    generation: 'number',
    createdAt: 'string',
    document: 'object',
    package: 'string?',
  }),
  packages: shaped<PackageMemory>({ digest: 'string', order: 'number', onboardedAt: 'string', file: 'string' }),
  tombstones: shaped<Tombstone>({ key: 'string', deletedAt: 'string', file: 'string', generation: 'number' }),
  directories: shaped<DirectoryMemory>({
    device: 'string',
    inode: 'string',
    held: 'array',
    heldBecause: 'string',
    heldSince: 'string',
  }),
  statuses: shaped<StatusMemory>({ status: 'object', diagnostics: 'array', inPlace: 'number?' }),
  topology: shaped<TopologyMemory>({ status: 'object' }),
  histories: shaped<ContainerHistory>({
    restarts: 'number',
    crashes: 'number',
    startedAt: 'string',
    nextStart: 'string',
    reason: 'string',
  }),
  scriptEnds: shaped<ScriptMemory>({
    container: 'string',
    instance: 'string',
    copy: 'number',
    vnf: 'string',
    vdu: 'string',
    replica: 'number',
    startedAt: 'string',
    start: 'object?',
    stop: 'object?',
  }),
}
