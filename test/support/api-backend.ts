import { readFile } from 'node:fs/promises'
import { parseAllDocuments, parseDocument } from 'yaml'
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
  PruneCandidate,
} from '../../src/api/backend.ts'
import { ApiError } from '../../src/api/errors.ts'
import { kindNames, parseKind, parseObjectReference } from '../../src/api/kinds.ts'
import type { Condition, EventRecord } from '../../src/model/status.ts'
import {
  must,
  parseContainerName,
  parseObjectName,
  type ContainerName,
  type ObjectName,
} from '../../src/model/names.ts'

const make = {
  object: (text: string): ObjectName => must(parseObjectName(text), text),
  container: (text: string): ContainerName => must(parseContainerName(text), text),
}

/** A small daemon in memory behind the API: files are texts, services come up when told to. */
export interface FakeDaemon extends Backend {
  /** Instances come up by themselves when they are applied. */
  automatic: boolean
  /** Text of each file of the watched directory. */
  readonly files: Map<string, string>
  readonly lines: LogLine[]
  readonly executed: { readonly instance: string; readonly command: readonly string[] }[]
  readonly held: PruneCandidate[]
  exited: boolean
  ready_: boolean
  /** Brings an instance up, or fails it for that reason. */
  settle(instance: string, failure?: { reason: string; message: string; stalled?: boolean }): void
  /** Lets a deleted instance be gone, where `automatic` is off. */
  vanish(instance: string): void
  tell(event: Partial<EventRecord>): void
  listeners(): number
}

const at = '2026-01-01T00:00:00.000Z'

const condition = (
  type: Condition['type'],
  good: boolean,
  generation: number,
  more: Partial<Condition> = {},
): Condition => ({
  type,
  status: good ? 'True' : 'False',
  reason: good ? 'AsAsked' : 'Waiting',
  message: '',
  observedGeneration: generation,
  lastTransitionTime: at,
  ...more,
})

export const createFakeDaemon = (): FakeDaemon => {
  const objects = new Map<string, AnyObject>()
  const files = new Map<string, string>()
  const events: EventRecord[] = []
  const subscribers = new Set<(change: Change) => void>()
  let created = 0

  const key = (kind: ObjectKind, name: string): string => `${kind}/${name}`
  const emit = (change: Change): void => {
    for (const each of subscribers) each(change)
  }
  const put = (object: AnyObject): void => {
    const id = key(object.kind, object.metadata.name)
    const type = objects.has(id) ? 'MODIFIED' : 'ADDED'
    objects.set(id, object)
    emit({ type, object })
  }
  const drop = (kind: ObjectKind, name: string): void => {
    const object = objects.get(key(kind, name))
    objects.delete(key(kind, name))
    if (object !== undefined) emit({ type: 'DELETED', object })
  }
  const instanceOf = (name: string): ApiObjects['ServiceInstance'] => {
    const object = objects.get(key('ServiceInstance', name))
    if (object?.kind === 'ServiceInstance') return object
    throw new ApiError('NOT_FOUND', `no instance named "${name}"`, {
      next: "'sonctl get instances' lists what is there",
    })
  }

  const metadata = (name: string, source: string, generation: number, labels = {}) => ({
    name,
    labels,
    uid: `uid-${name}`,
    generation,
    creationTimestamp: new Date(Date.parse(at) + (created += 1)).toISOString(),
    source,
  })

  const makeObject = (kind: DefinableKind, document: Manifest, file: string): AnyObject => {
    const before = objects.get(key(kind, document.metadata.name))
    const generation = (before?.metadata.generation ?? 0) + 1
    const base = {
      apiVersion: 'sond.dev/v1alpha1',
      metadata: {
        ...(before?.metadata ?? metadata(document.metadata.name, file, generation, document.metadata.labels)),
        generation,
      },
    }
    if (kind === 'DataCenter') {
      return { ...base, kind, spec: { capacity: {} }, status: { observedGeneration: generation, conditions: [] } }
    }
    if (kind === 'Link') {
      const endpoints = [make.object('dc1'), make.object('dc2')] as const
      return { ...base, kind, spec: { endpoints }, status: { observedGeneration: generation, conditions: [] } }
    }
    return {
      ...base,
      kind,
      spec: { package: 'none', ...document.spec },
      status: {
        observedGeneration: generation - 1,
        conditions: before?.kind === 'ServiceInstance' ? before.status.conditions : [],
        package: null,
        functions: [],
        links: [],
        saps: [],
      },
    }
  }

  const diffOf = (name: string, changed: boolean): Diff => ({
    text: changed ? `1 step for instance ${name}\n+ start container sond.${name}.0.fw.0: it is not there\n` : '',
    plan: {
      scope: { kind: 'instance', instance: make.object(name) },
      steps: changed
        ? [
            {
              id: `start:sond.${name}.0.fw.0`,
              kind: 'startContainer',
              name: make.container(`sond.${name}.0.fw.0`),
              after: [],
              afterEnd: [],
              cause: 'it is not there',
              serves: { containers: [], links: [] },
            },
          ]
        : [],
      notices: [],
    },
  })

  const daemon: FakeDaemon = {
    automatic: true,
    files,
    lines: [],
    executed: [],
    held: [],
    exited: false,
    ready_: true,
    listeners: () => subscribers.size,
    list: async (kind) => [...objects.values()].filter((object) => object.kind === kind) as never, // kind chose the type
    get: async (kind, name) =>
      (objects.get(key(kind, name)) ??
        [...objects.values()].find(
          (each) => each.kind === 'Package' && each.kind === kind && each.spec.digest === name,
        )) as never, // kind chose the type
    events: async (filter) =>
      events.filter(({ object }) => {
        const about = parseObjectReference(object)
        return (filter.kind ?? about.kind) === about.kind && (filter.name ?? about.name) === about.name
      }),
    subscribe(listener) {
      subscribers.add(listener)
      return () => void subscribers.delete(listener)
    },
    diff: async (name) => {
      const {
        status,
        metadata: { generation },
      } = instanceOf(name)
      return diffOf(name, status.observedGeneration < generation)
    },
    async apply(manifest, { dryRun }) {
      const documents = parseAllDocuments(manifest).map((document) => check(document.toJS()))
      const plans = documents.map((document): { applied: AppliedObject; document: Manifest } => {
        const before = objects.get(key(document.kind, document.metadata.name))
        const file = before?.metadata.source ?? `${document.kind.toLowerCase()}-${document.metadata.name}.yaml`
        const holder = files.get(file)
        if (holder !== undefined && parseAllDocuments(holder).length > 1) {
          throw new ApiError('CONFLICT', `${file} defines more than ${document.metadata.name}`, {
            next: `edit ${file}`,
          })
        }
        const text = JSON.stringify(document)
        const action = before === undefined ? 'created' : files.get(file) === text ? 'unchanged' : 'configured'
        const generation = (before?.metadata.generation ?? 0) + (action === 'unchanged' ? 0 : 1)
        const {
          kind,
          metadata: { name },
        } = document
        const diff = dryRun && kind === 'ServiceInstance' ? { diff: diffOf(name, action !== 'unchanged') } : {}
        return { document, applied: { kind, name, file, action, generation, ...diff } }
      })
      if (dryRun) return plans.map(({ applied }) => applied)
      for (const { applied, document } of plans) {
        if (applied.action === 'unchanged') continue
        files.set(applied.file, JSON.stringify(document))
        put(makeObject(applied.kind, document, applied.file))
        if (daemon.automatic && applied.kind === 'ServiceInstance') daemon.settle(applied.name)
      }
      return plans.map(({ applied }) => applied)
    },
    async delete(kind, name) {
      const object = objects.get(key(kind, name))
      if (object === undefined) throw new ApiError('NOT_FOUND', `no ${kindNames[kind].singular} named "${name}"`)
      files.delete(object.metadata.source)
      if (daemon.automatic || kind !== 'ServiceInstance') drop(kind, name)
      return { kind, name, file: object.metadata.source }
    },
    async suspend(name, suspend) {
      const {
        spec,
        metadata: { source },
      } = instanceOf(name)
      const [applied] = await daemon.apply(
        JSON.stringify({
          apiVersion: 'sond.dev/v1alpha1',
          kind: 'ServiceInstance',
          metadata: { name },
          spec: { ...spec, suspend },
        }),
        { dryRun: false },
      )
      return applied ?? { kind: 'ServiceInstance', name, file: source, action: 'unchanged', generation: 1 }
    },
    async onboard({ path, fileName, size, sha1, sha256 }) {
      const bytes = await readFile(path)
      if (bytes.subarray(0, 2).toString() !== 'PK') {
        throw new ApiError('INVALID', `${fileName} is no package`, {
          details: {
            diagnostics: [
              {
                severity: 'error',
                code: 'NOT_A_ZIP',
                message: 'this is not a zip archive',
                file: fileName,
                line: 1,
                column: 1,
                path: '',
              },
            ],
          },
          next: 'see sonctl validate',
        })
      }
      const name = fileName.replace(/\.son$/, '')
      const object: ApiObjects['Package'] = {
        apiVersion: 'sond.dev/v1alpha1',
        kind: 'Package',
        metadata: metadata(name, fileName, 1),
        spec: {
          vendor: 'eu.test',
          name,
          version: '1.0',
          digest: `sha256:${sha256}`,
          sha1,
          size,
          file: fileName,
          description: '',
          functions: [],
          links: [],
        },
        status: { notices: [], instances: [] },
      }
      put(object)
      return object
    },
    async logs({ instance, vnf }, { follow, tail, signal }) {
      instanceOf(instance)
      const wanted = daemon.lines.filter(({ container }) => vnf === undefined || container.includes(vnf))
      if (vnf !== undefined && wanted.length === 0)
        throw new ApiError('NOT_FOUND', `${instance} has no function ${vnf}`)
      return (async function* () {
        yield* wanted.slice(tail === undefined ? 0 : -tail || wanted.length)
        if (!follow) return
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }))
      })()
    },
    async exec({ instance, vnf }, command) {
      instanceOf(instance)
      if (vnf === undefined) throw new ApiError('CONFLICT', `${instance} has several containers`, { next: 'name one' })
      daemon.executed.push({ instance, command })
      return {
        container: `sond.${instance}.0.${vnf}.0`,
        exitCode: command[0] === 'false' ? 1 : 0,
        output: `${command.join(' ')}\n`,
      }
    },
    pendingPrune: async () => daemon.held,
    confirmPrune: async () => daemon.held.splice(0),
    ready: async () => ({
      ready: daemon.ready_,
      checks: [
        { name: 'files', ok: true, message: 'read in full' },
        { name: 'docker', ok: daemon.ready_, message: daemon.ready_ ? 'answers' : 'the engine does not answer' },
      ],
    }),
    exit: async () => void (daemon.exited = true),

    settle(name, failure) {
      const object = instanceOf(name)
      const { generation } = object.metadata
      const wrong = failure === undefined ? {} : { reason: failure.reason, message: failure.message }
      const conditions = [
        condition('Ready', failure === undefined, generation, wrong),
        condition('ContainersReady', failure === undefined, generation, wrong),
        condition('Stalled', failure?.stalled === true, generation, failure?.stalled === true ? wrong : {}),
      ]
      put({ ...object, status: { ...object.status, observedGeneration: generation, conditions } })
    },
    vanish: (name) => drop('ServiceInstance', name),
    tell(event) {
      const full: EventRecord = {
        object: 'ServiceInstance/demo',
        type: 'Normal',
        reason: 'Started',
        message: 'container started',
        count: 1,
        firstSeen: at,
        lastSeen: at,
        ...event,
      }
      events.push(full)
      emit({ type: 'EVENT', event: full })
    },
  }
  return daemon
}

interface Manifest {
  kind: DefinableKind
  metadata: { name: string; labels?: Record<string, string> }
  spec: { package?: string; [field: string]: unknown }
}

/** As much checking as tests of the server need. */
const check = (found: unknown): Manifest => {
  const refuse = (message: string): never => {
    const diagnostic = {
      severity: 'error' as const,
      code: 'WRONG',
      message,
      file: 'request',
      line: 1,
      column: 1,
      path: '',
    }
    throw new ApiError('INVALID', 'the manifest is refused', {
      details: { diagnostics: [diagnostic] },
      next: 'mend it',
    })
  }
  const manifest = found as Partial<Manifest> | null // every field is looked at below
  const kind = parseKind(manifest?.kind ?? '')
  const name = manifest?.metadata?.name
  if (kind === undefined || kind === 'Package' || kind === 'File') return refuse('kind must be ServiceInstance')
  if (name === undefined) return refuse('metadata.name is missing')
  return { kind, metadata: { ...manifest?.metadata, name }, spec: manifest?.spec ?? {} }
}

/** Document of a text, for assertions. */
export const yamlOf = (text: string): unknown => parseDocument(text).toJS() as unknown // toJS gives any
