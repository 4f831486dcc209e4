// A watched directory with everything around it: a store, parsers of a small language, and a restart.
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import type { Diagnostic } from '../../src/model/diagnostics.ts'
import type { ManifestDocument, PackageRef } from '../../src/model/documents.ts'
import { must, parseObjectName, parsePackageDigest } from '../../src/model/names.ts'
import type { ServicePackage } from '../../src/model/package.ts'
import { createStore, type Store } from '../../src/store/store.ts'
import { createWatcher } from '../../src/watch/watch.ts'
import type { Catalog, CatalogChange, Clock, ParsedManifest, Parsers, Watcher } from '../../src/watch/types.ts'
import { memoryLog } from '../support/log.ts'
import { until } from '../support/until.ts'

/** The machine's, which somebody may set: then what people are told jumps, intervals do not. */
const createClock = (): Clock & { readonly jump: (ms: number) => void } => {
  let jumped = 0
  return { ...machineClock, now: () => Date.now() + jumped, jump: (ms) => void (jumped += ms) }
}

const machineClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

const nameOf = (text: string) => must(parseObjectName(text), text)

const refOf = (text: string): PackageRef => {
  const digest = parsePackageDigest(text)
  if (digest !== undefined) return { by: 'digest', digest }
  if (text.endsWith('.son')) return { by: 'file', file: text }
  const [name = '', version] = text.split(':')
  return version === undefined ? { by: 'name', name } : { by: 'name', name, version }
}

const documentOf = (line: string): ManifestDocument | undefined => {
  const [kind = '', name = '', value = '1', packageText = 'none'] = line.split(' ')
  if (!['instance', 'dc', 'link'].includes(kind)) return undefined
  const metadata = { name: nameOf(name), labels: {} }
  switch (kind) {
    case 'instance':
      return {
        kind: 'ServiceInstance',
        metadata,
        spec: {
          package: refOf(packageText),
          packageText,
          replicas: Number(value),
          suspend: false,
          state: 'Running',
          driftMode: 'Enforce',
          settings: {},
          functions: [],
        },
      }
    case 'dc':
      return { kind: 'DataCenter', metadata, spec: { capacity: { cpu: Number(value) } } }
    case 'link':
      return { kind: 'Link', metadata, spec: { endpoints: [nameOf('dc1'), nameOf(value)] } }
    default:
      return undefined
  }
}

const errorAt = (file: string, line: number, message: string): Diagnostic => ({
  severity: 'error',
  code: 'WRONG',
  message,
  file,
  line,
  column: 1,
  path: '',
})

/** One document a line: `instance NAME REPLICAS PACKAGE`, `dc NAME CPUS`, `link NAME TO`; `#` begins a comment; any other first word is an error (`wrong KIND NAME`); `bug` makes the parser throw. */
const parseManifest = (file: string, bytes: Uint8Array): ParsedManifest => {
  const documents: ParsedManifest['documents'][number][] = []
  const refused: ParsedManifest['refused'][number][] = []
  const diagnostics: Diagnostic[] = []
  for (const [index, line] of new TextDecoder().decode(bytes).split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    if (line === 'bug') throw new TypeError('a bug')
    const document = documentOf(line)
    if (document !== undefined) {
      documents.push({ document, line: index + 1 })
      continue
    }
    diagnostics.push(errorAt(file, index + 1, `unknown: ${line}`))
    const [, kind, name] = line.split(' ')
    refused.push({ ...(kind === undefined ? {} : { kind }), ...(name === undefined ? {} : { name }), line: index + 1 })
  }
  return { documents, refused, diagnostics }
}

/** A package is the text `VENDOR NAME VERSION ANYTHING`. */
const parsePackage = (file: string, bytes: Uint8Array): ServicePackage | undefined => {
  const [vendor = '', name = '', version = '', rest] = new TextDecoder().decode(bytes).split(' ')
  if (rest === undefined) return undefined
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  return {
    vendor,
    name,
    version,
    digest: must(parsePackageDigest(digest), digest),
    sha1: '',
    size: bytes.length,
    file: file.slice(file.lastIndexOf('/') + 1),
    description: '',
    service: { vendor, name, version, functions: [], accessPoints: [], links: [], hasForwardingGraphs: false },
    notices: [],
  }
}

/** Parsers that count how often each file was parsed. */
export const createParsers = (): Parsers & { readonly parsed: string[] } => {
  const parsed: string[] = []
  return {
    parsed,
    manifest: (file, bytes) => {
      parsed.push(file)
      return parseManifest(file, bytes)
    },
    package: async (file, source) => {
      parsed.push(file)
      const found = parsePackage(file, await source.read(0, source.size))
      return found === undefined
        ? { diagnostics: [errorAt(file, 1, 'the package is cut off')] }
        : { package: found, diagnostics: [] }
    },
  }
}

export interface World {
  readonly directory: string
  readonly state: string
  readonly parsers: ReturnType<typeof createParsers>
  readonly log: ReturnType<typeof memoryLog>
  readonly changes: CatalogChange[]
  readonly watcher: () => Watcher
  readonly store: () => Store
  readonly catalog: () => Catalog
  /** Somebody sets the machine's clock; times of files stay as they are. */
  readonly jump: (ms: number) => void
  /** Writes files as `cp` does, making folders. */
  readonly write: (files: Readonly<Record<string, string>>) => Promise<void>
  /** Writes one file as `mv` does. */
  readonly replace: (file: string, content: string) => Promise<void>
  readonly path: (file: string) => string
  /** Stops the daemon, does something, starts it again. */
  readonly restart: (between?: () => Promise<void>) => Promise<void>
  /** Waits, with no help by `rescan`, until the catalog is as told. */
  readonly eventually: <T>(what: string, condition: (catalog: Catalog) => T | undefined | false) => Promise<T>
  /** `demo=1 other=2`: instances with their replicas, by name. */
  readonly instances: () => string
  /** Message of the first error about a file. */
  readonly errorOf: (file: string) => string | undefined
}

export interface WorldOptions {
  readonly files?: Readonly<Record<string, string>>
  readonly settleMs?: number
  readonly maxPrunePercent?: number
  /** Milliseconds between looks without a hint; long, so that tests show hints to work. */
  readonly pollMs?: number
  /** Leaves the watched directory out. */
  readonly missing?: boolean
}

/** Starts a watcher on a directory of its own, below the test's. */
export const createWorld = async (t: Test, options: WorldOptions = {}): Promise<World> => {
  // Not t.testdir: a test may put a socket here, and its paths can be longer than a socket's may be.
  const base = await mkdtemp(join(tmpdir(), 'sond-watch-'))
  await mkdir(join(base, 'state'))
  let end = async (): Promise<void> => undefined
  t.teardown(async () => {
    await end()
    await rm(base, { recursive: true, force: true })
  })
  const directory = join(base, 'manifests')
  const state = join(base, 'state')
  const log = memoryLog()
  const parsers = createParsers()
  const clock = createClock()
  const changes: CatalogChange[] = []
  const path = (file: string): string => join(directory, file)

  const write = async (files: Readonly<Record<string, string>>): Promise<void> => {
    for (const [file, content] of Object.entries(files)) {
      await mkdir(dirname(path(file)), { recursive: true })
      await writeFile(path(file), content)
    }
  }

  const begin = async (): Promise<{ watcher: Watcher; store: Store }> => {
    const store = await createStore({ directory: state, log })
    const { settleMs = 40, maxPrunePercent = 50, pollMs = 60_000 } = options
    const watcher = createWatcher({ directory, settleMs, maxPrunePercent, pollMs, parsers, store, log, clock })
    watcher.onChange((change) => void changes.push(change))
    await watcher.start()
    await watcher.rescan()
    return { watcher, store }
  }

  if (options.missing !== true) await mkdir(directory)
  await write(options.files ?? {})
  let running = await begin()
  end = async () => {
    await running.watcher.close()
    await running.store.close()
  }

  const catalog = (): Catalog => running.watcher.catalog()
  return {
    directory,
    state,
    parsers,
    log,
    changes,
    watcher: () => running.watcher,
    store: () => running.store,
    catalog,
    jump: clock.jump,
    write,
    replace: async (file, content) => {
      await writeFile(path('.new'), content)
      await rename(path('.new'), path(file))
    },
    path,
    restart: async (between) => {
      await end()
      await between?.()
      running = await begin()
    },
    eventually: (what, condition) => until(what, () => condition(catalog())),
    instances: () =>
      [...catalog().instances.values()]
        .map(({ document }) => `${document.metadata.name}=${document.spec.replicas}`)
        .join(' '),
    errorOf: (file) =>
      catalog()
        .files.find((report) => report.file === file)
        ?.diagnostics.find(({ severity }) => severity === 'error')?.message,
  }
}
