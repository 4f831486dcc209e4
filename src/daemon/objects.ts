import { createHash } from 'node:crypto'
import type { ApiObjects } from '../api/backend.ts'
import { formatDiagnostic, isError } from '../model/diagnostics.ts'
import { apiVersion } from '../model/documents.ts'
import type { DataCenter, Link, ManifestDocument, ServiceInstance } from '../model/documents.ts'
import type { InstanceName } from '../model/names.ts'
import type { FileReport, InstanceStatus, TopologyStatus } from '../model/status.ts'
import { implicitEntry } from '../reconcile/data-centers.ts'
import type { CatalogInstance, CatalogObject, CatalogPackage, RefusedObject } from '../watch/types.ts'
import { dataCenterWords, duration, functionWords, linkWords } from './words.ts'

/** Catalog entries as the API shows them. */

/** Stable over restarts: made of kind and name alone, in the form of a UUID. */
const uidOf = (kind: string, name: string): string => {
  const hex = createHash('sha256').update(`${kind}/${name}`).digest('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), `5${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  )
}

const metadataOf = (entry: CatalogObject) => ({
  name: entry.document.metadata.name,
  labels: entry.document.metadata.labels,
  uid: uidOf(entry.document.kind, entry.document.metadata.name),
  generation: entry.generation,
  creationTimestamp: entry.createdAt,
  // No file defines the implicit data center.
  source: entry === implicitEntry ? entry.source.file : `${entry.source.file}:${String(entry.source.line)}`,
})

const acceptedCondition = (entry: CatalogObject) => ({
  type: 'Accepted' as const,
  status: entry.accepted ? ('True' as const) : ('False' as const),
  reason: entry.accepted ? 'Valid' : 'Invalid',
  message: entry.diagnostics
    .filter(({ severity }) => severity === 'error')
    .map(({ file, line, column, message }) => `${file}:${String(line)}:${String(column)}: ${message}`)
    .join('\n'),
  observedGeneration: entry.generation,
  lastTransitionTime: entry.createdAt,
})

/** The spec in the words of the manifest. */
const instanceSpec = ({ spec }: ServiceInstance): ApiObjects['ServiceInstance']['spec'] => {
  const { settings } = spec
  const { bidirectional, requireForwardingGraphs, path } = settings
  const chaining = {
    ...(bidirectional === undefined ? {} : { bidirectional }),
    ...(requireForwardingGraphs === undefined ? {} : { requireForwardingGraphs }),
    ...(path === undefined ? {} : { path }),
  }
  return {
    package: spec.packageText,
    replicas: spec.replicas,
    suspend: spec.suspend,
    state: spec.state,
    driftMode: spec.driftMode,
    ...(settings.deploySaps === undefined ? {} : { saps: { deploy: settings.deploySaps } }),
    ...(Object.keys(chaining).length === 0 ? {} : { chaining }),
    ...(settings.dockerManagement === undefined ? {} : { management: { dockerNetwork: settings.dockerManagement } }),
    ...(settings.placement === undefined ? {} : { placement: { policy: settings.placement } }),
    ...(settings.forcePull === undefined && settings.buildDockerfiles === undefined
      ? {}
      : {
          images: {
            ...(settings.forcePull === undefined ? {} : { forcePull: settings.forcePull }),
            ...(settings.buildDockerfiles === undefined ? {} : { buildDockerfiles: settings.buildDockerfiles }),
          },
        }),
    ...(settings.stopWaitMs === undefined ? {} : { scripts: { stopWait: duration(settings.stopWaitMs) } }),
    ...(spec.functions.length === 0 ? {} : { functions: spec.functions.map(functionWords) }),
  }
}

export const instanceObject = (
  entry: CatalogObject<ServiceInstance>,
  status: InstanceStatus,
): ApiObjects['ServiceInstance'] => ({
  apiVersion,
  kind: 'ServiceInstance',
  metadata: metadataOf(entry),
  spec: instanceSpec(entry.document),
  status,
})

const noStatus: InstanceStatus = {
  observedGeneration: 0,
  conditions: [],
  package: null,
  ...{ functions: [], links: [], saps: [] },
}

/** What was last known of it, but for what is plain: it will not be ready again, and work is under way. */
const leavingStatus = (last: InstanceStatus, since: string): InstanceStatus => {
  const common = { reason: 'Terminating', message: 'its manifest is gone', lastTransitionTime: since } as const
  const { observedGeneration } = last
  return {
    ...last,
    conditions: [
      { type: 'Ready', status: 'False', ...common, observedGeneration },
      { type: 'Reconciling', status: 'True', ...common, observedGeneration },
      ...last.conditions.filter(({ type }) => type !== 'Ready' && type !== 'Reconciling'),
    ],
  }
}

export interface Leaving {
  /** What it was; undefined of one whose document went under an earlier daemon. */
  readonly entry: CatalogInstance | undefined
  /** ISO 8601. */
  readonly since: string
  /** File that defined it. */
  readonly file: string
  readonly generation: number
}

/** An instance whose document is gone, while something of it is still there. */
export const leavingInstance = (
  name: InstanceName,
  { entry, since, file, generation }: Leaving,
  last: InstanceStatus = noStatus,
): ApiObjects['ServiceInstance'] => {
  const gone = {
    ...{ name, labels: {}, uid: uidOf('ServiceInstance', name) },
    ...{ generation, creationTimestamp: '', source: file },
  }
  return {
    apiVersion,
    kind: 'ServiceInstance',
    metadata: { ...(entry === undefined ? gone : metadataOf(entry)), deletionTimestamp: since },
    spec: entry === undefined ? { package: last.package?.name ?? '' } : instanceSpec(entry.document),
    status: leavingStatus(last, since),
  }
}

/** An instance whose document was never right: nothing of it is in force, and the status says what is wrong where. */
export const refusedInstance = ({ name, source, diagnostics }: RefusedObject): ApiObjects['ServiceInstance'] => {
  const message = diagnostics.filter(isError).map(formatDiagnostic).join('\n')
  const verdict = {
    status: 'False',
    reason: 'Invalid',
    message,
    observedGeneration: 0,
    lastTransitionTime: '',
  } as const
  return {
    apiVersion,
    kind: 'ServiceInstance',
    metadata: {
      name,
      labels: {},
      uid: uidOf('ServiceInstance', name),
      generation: 0,
      creationTimestamp: '',
      source: `${source.file}:${source.line}`,
    },
    spec: { package: '' },
    status: {
      observedGeneration: 0,
      conditions: [
        { type: 'Ready', ...verdict },
        { type: 'Accepted', ...verdict },
      ],
      package: null,
      functions: [],
      links: [],
      saps: [],
    },
  }
}

/** `status`: undefined before the first pass for the fabric. */
const plain = <D extends ManifestDocument>(entry: CatalogObject<D>, status: TopologyStatus | undefined) => ({
  apiVersion,
  metadata: metadataOf(entry),
  status: status ?? { observedGeneration: 0, conditions: [acceptedCondition(entry)] },
})

export const dataCenterObject = (
  entry: CatalogObject<DataCenter>,
  status: TopologyStatus | undefined,
): ApiObjects['DataCenter'] => ({
  ...plain(entry, status),
  kind: 'DataCenter',
  spec: dataCenterWords(entry.document.spec),
})

export const linkObject = (entry: CatalogObject<Link>, status: TopologyStatus | undefined): ApiObjects['Link'] => ({
  ...plain(entry, status),
  kind: 'Link',
  spec: linkWords(entry.document.spec),
})

/** Name of a package as an object: `vendor.name.version` as far as a name can bear it, and some of its digest. */
export const packageName = ({ package: pack, digest }: CatalogPackage): string =>
  `${[pack.vendor, pack.name, pack.version]
    .join('-')
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, '-')
    .replaceAll(/^[-.]+|[-.]+$/g, '')}-${digest.slice(7, 15)}`

export const packageObject = (entry: CatalogPackage, instances: readonly string[]): ApiObjects['Package'] => {
  const { package: pack } = entry
  return {
    apiVersion,
    kind: 'Package',
    metadata: {
      name: packageName(entry),
      labels: {},
      uid: uidOf('Package', entry.digest),
      generation: 1,
      creationTimestamp: entry.onboardedAt,
      source: entry.files[0] ?? '',
    },
    spec: {
      vendor: pack.vendor,
      name: pack.name,
      version: pack.version,
      digest: pack.digest,
      sha1: pack.sha1,
      size: pack.size,
      file: pack.file,
      description: pack.description,
      functions: pack.service.functions.map(({ vnfId, descriptor }) => ({ vnfId, descriptor: descriptor.name })),
      links: pack.service.links.map(({ id, typeText, ends }) => ({
        id,
        type: typeText,
        ends: ends.map(({ raw }) => raw),
      })),
    },
    status: { notices: pack.notices, instances },
  }
}

export const fileObject = (report: FileReport): ApiObjects['File'] => ({
  apiVersion,
  kind: 'File',
  metadata: {
    name: report.file,
    labels: {},
    uid: uidOf('File', report.file),
    generation: 1,
    creationTimestamp: '',
    source: report.file,
  },
  spec: {},
  status: report,
})
