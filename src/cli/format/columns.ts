import type { AnyObject, ApiObjects, ObjectKind } from '../../api/backend.ts'
import { conditionOf, holds, troubles } from '../../api/conditions.ts'
import { assertNever } from '../../model/errors.ts'
import { formatAge } from '../duration.ts'

interface Column<O> {
  readonly title: string
  /** Only with `-o wide`. */
  readonly wide?: boolean
  readonly cell: (object: O, now: number) => string
}

type Columns = { readonly [K in ObjectKind]: readonly Column<ApiObjects[K]>[] }

const name: Column<AnyObject> = { title: 'NAME', cell: ({ metadata }) => metadata.name }
const ready: Column<AnyObject> = { title: 'READY', cell: (object) => readyCell(object) }
const reason: Column<AnyObject> = { title: 'REASON', cell: (object) => troubles(object)[0]?.reason ?? '' }
const age: Column<AnyObject> = { title: 'AGE', cell: ({ metadata }, now) => ageOf(metadata.creationTimestamp, now) }
const file: Column<AnyObject> = { title: 'FILE', wide: true, cell: ({ metadata }) => metadata.source }
const generation: Column<AnyObject> = {
  title: 'GENERATION',
  wide: true,
  cell: ({ metadata }) => String(metadata.generation),
}

const columns: Columns = {
  ServiceInstance: [
    name,
    ready,
    { title: 'STATUS', cell: (object) => instanceWord(object) },
    reason,
    { title: 'FUNCTIONS', cell: ({ status }) => running(status.functions) },
    age,
    { title: 'PACKAGE', cell: ({ spec, status }) => packageCell(spec.package, status.package) },
    { title: 'LINKS', wide: true, cell: ({ status }) => share(status.links, ({ chained }) => chained) },
    { title: 'SAPS', wide: true, cell: ({ status }) => String(status.saps.length) },
    generation,
    file,
  ],
  DataCenter: [
    name,
    ready,
    reason,
    { title: 'CPU', cell: ({ spec }) => text(spec.capacity.cpu) },
    { title: 'MEMORY', cell: ({ spec: { capacity } }) => text(capacity.memory?.size, capacity.memory?.unit) },
    age,
    generation,
    file,
  ],
  Link: [
    name,
    ready,
    reason,
    { title: 'ENDPOINTS', cell: ({ spec }) => spec.endpoints.join(',') },
    { title: 'BANDWIDTH', cell: ({ spec }) => spec.bandwidth ?? '' },
    { title: 'DELAY', cell: ({ spec }) => spec.delay ?? '' },
    { title: 'JITTER', wide: true, cell: ({ spec }) => spec.jitter ?? '' },
    { title: 'LOSS', cell: ({ spec }) => String(spec.loss ?? '') },
    age,
    generation,
    file,
  ],
  Package: [
    name,
    { title: 'VENDOR', cell: ({ spec }) => spec.vendor },
    { title: 'SERVICE', cell: ({ spec }) => spec.name },
    { title: 'VERSION', cell: ({ spec }) => spec.version },
    { title: 'FUNCTIONS', cell: ({ spec }) => String(spec.functions.length) },
    { title: 'LINKS', cell: ({ spec }) => String(spec.links.length) },
    { title: 'USED BY', cell: ({ status }) => status.instances.join(',') },
    age,
    { title: 'SIZE', wide: true, cell: ({ spec }) => bytes(spec.size) },
    { title: 'NOTICES', wide: true, cell: ({ status }) => String(status.notices.length) },
    { title: 'DIGEST', wide: true, cell: ({ spec }) => spec.digest },
  ],
  File: [
    name,
    { title: 'ACCEPTED', cell: ({ status }) => (status.accepted ? 'True' : 'False') },
    { title: 'ERRORS', cell: ({ status }) => severe(status.diagnostics, 'error') },
    { title: 'NOTICES', cell: ({ status }) => severe(status.diagnostics, 'notice') },
    { title: 'OBJECTS', cell: ({ status }) => status.objects.join(',') },
  ],
}

/** Head and cells of a table of objects of one kind. Empty cells are `-`. */
const rowsOf = <K extends ObjectKind>(
  kind: K,
  objects: readonly ApiObjects[K][],
  options: { readonly wide: boolean; readonly now: number },
): readonly (readonly string[])[] => {
  const shown = columns[kind].filter(({ wide }) => options.wide || wide !== true)
  return [
    shown.map(({ title }) => title),
    ...objects.map((object) => shown.map(({ cell }) => cell(object, options.now) || '-')),
  ]
}

/** What state an instance is in, in one word. */
export const instanceWord = (object: ApiObjects['ServiceInstance']): string => {
  if (object.metadata.deletionTimestamp !== undefined) return 'Terminating'
  if (holds(object, 'Accepted', 'False'))
    return conditionOf(object, 'Accepted')?.reason === 'FileMissing' ? 'Held' : 'Refused'
  if (object.spec['suspend'] === true) return 'Suspended'
  if (holds(object, 'Stalled')) return 'Stalled'
  if (holds(object, 'Ready')) return 'Running'
  const reason = conditionOf(object, 'Ready')?.reason
  if (reason === 'Stopping' || reason === 'Stopped') return reason
  return holds(object, 'Reconciling') || conditionOf(object, 'Ready') === undefined ? 'Reconciling' : 'NotReady'
}

const readyCell = (object: AnyObject): string => {
  const condition = conditionOf(object, 'Ready')
  return condition !== undefined && condition.observedGeneration < object.metadata.generation
    ? 'Unknown'
    : (condition?.status ?? 'Unknown')
}

export const ageOf = (timestamp: string, now: number): string => {
  const then = Date.parse(timestamp)
  return Number.isNaN(then) ? '' : formatAge(now - then)
}

const packageCell = (wanted: string, found: ApiObjects['ServiceInstance']['status']['package']): string =>
  found === null ? wanted : `${found.vendor}/${found.name}:${found.version}`

const share = <T>(items: readonly T[], good: (item: T) => boolean): string =>
  items.length === 0 ? '' : `${items.filter(good).length}/${items.length}`

const running = (functions: ApiObjects['ServiceInstance']['status']['functions']): string =>
  share(functions, ({ container }) => container?.state === 'running')

const severe = (diagnostics: ApiObjects['File']['status']['diagnostics'], severity: 'error' | 'notice'): string =>
  String(diagnostics.filter((each) => each.severity === severity).length)

const text = (value: number | undefined, unit = ''): string => (value === undefined ? '' : `${value}${unit}`)

/** Powers of 1024, as memory is counted. */
export const bytes = (value: number | undefined): string => {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  if (value === undefined) return ''
  let rest = value
  let index = 0
  while (rest >= 1024 && index < units.length - 1) {
    rest /= 1024
    index += 1
  }
  return `${Number(rest.toFixed(1))}${units[index] ?? ''}`
}

/** Rows of an object whose kind is known only now. */
export const rowsOfAny = (
  objects: readonly AnyObject[],
  kind: ObjectKind,
  options: { readonly wide: boolean; readonly now: number },
): readonly (readonly string[])[] => {
  // One line a kind: the compiler must see each kind with its own columns.
  switch (kind) {
    case 'ServiceInstance':
      return rowsOf(
        kind,
        objects.filter((object) => object.kind === kind),
        options,
      )
    case 'DataCenter':
      return rowsOf(
        kind,
        objects.filter((object) => object.kind === kind),
        options,
      )
    case 'Link':
      return rowsOf(
        kind,
        objects.filter((object) => object.kind === kind),
        options,
      )
    case 'Package':
      return rowsOf(
        kind,
        objects.filter((object) => object.kind === kind),
        options,
      )
    case 'File':
      return rowsOf(
        kind,
        objects.filter((object) => object.kind === kind),
        options,
      )
    default:
      return assertNever(kind)
  }
}
