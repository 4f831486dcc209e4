import type { ContainerState, Health } from '../../model/actual.ts'
import type { Limits, UnitKey } from '../../model/desired.ts'
import { EngineError, type EngineErrorCode } from '../../model/errors.ts'
import type { Shaper } from '../../model/shaping.ts'
import type { EngineHint, Subscription } from '../ports.ts'
import { runShell, type Shell } from './shell.ts'

export interface MemoryScript {
  readonly command: string
  run: 'pending' | 'running' | 'done'
  exitCode: number
  output: string
}

export interface MemoryContainer {
  readonly id: string
  readonly name: string
  /** Absent: someone else's. */
  readonly mark?: UnitKey & { readonly owner: string; readonly role: 'vnf' | 'sap'; readonly dataCenter: string }
  readonly image: string
  readonly specHash: string
  readonly network: 'none' | 'bridge'
  readonly scripts: { readonly start?: MemoryScript; readonly stop?: MemoryScript }
  readonly log: string[]
  limits: Limits
  state: ContainerState
  pid: number
  startedAt: string
  exitCode: number
  gate: 'closed' | 'open'
  health?: Health
}

export interface MemoryDevice {
  name: string
  /** Process id of the container whose namespace it is in; 0 = the switches' namespace. */
  readonly namespace: number
  /** Absent: someone else's. */
  readonly mark?: { readonly owner: string; readonly instance?: string }
  up: boolean
  mac: string
  addresses: string[]
  txOffload: boolean
  shaper?: Shaper | undefined
  peer?: MemoryDevice
}

export interface MemoryPort {
  readonly name: string
  kind: 'system' | 'patch' | 'internal'
  peer: string | undefined
  tag: number | undefined
  trunks: readonly number[]
  externalIds: Readonly<Record<string, string>>
  ofport: number | undefined
}

export interface MemoryFlow {
  readonly cookie: string
  readonly priority: number
  /** With port numbers for names; see openflow.ts. */
  readonly match: string
  readonly actions: string
}

export interface MemoryBridge {
  readonly name: string
  externalIds: Readonly<Record<string, string>>
  readonly ports: Map<string, MemoryPort>
  /** The same by the instance in their marks, so that a look at one instance costs the same however many there are. */
  readonly portsOf: Map<string, Map<string, MemoryPort>>
  /** Who got which number. */
  readonly numbers: Map<string, string>
  flows: MemoryFlow[]
  /** Numbers are never given twice, so a stale flow never hits a new port. */
  nextPort: number
}

export interface WorldOptions {
  readonly datapath?: 'system' | 'netdev'
  /** CPUs of the host. */
  readonly cpus?: number
  /** What scripts do; absent: echo, exit and the like. */
  readonly shell?: Shell
}

/** A failure to come: the next call of that name, about that subject where one is given, rejects. */
export interface PlannedFailure {
  readonly call: string
  readonly subject?: string
  readonly code?: EngineErrorCode
}

export interface World {
  readonly datapath: 'system' | 'netdev'
  readonly cpus: number
  readonly shell: Shell
  readonly containers: Map<string, MemoryContainer>
  /** Keyed by process id, 0 = the switches' namespace; then by name. */
  readonly namespaces: Map<number, Map<string, MemoryDevice>>
  readonly bridges: Map<string, MemoryBridge>
  readonly nat: { readonly owner: string; readonly bridge: string; readonly subnet: string }[]
  readonly images: {
    /** Not on the host until pulled. */
    readonly missing: Set<string>
    /** In no registry either. */
    readonly unknown: Set<string>
    /** Their program ends with this code as soon as the gate opens. */
    readonly exiting: Map<string, number>
    /** They have a check of their own, which nobody but `hands.setHealth` carries out. */
    readonly checked: Set<string>
  }
  /** Owner marks and who holds them. */
  readonly locks: Map<string, object>
  /** Instances by their numbers in cookies, as ports have told them. */
  readonly cookies: Map<number, string>
  /** Every call to an adapter that changes something, `containers.start NAME`. */
  readonly calls: string[]
  failNext(failure: PlannedFailure): void
  /** Adapters call this first: notes a change, throws a planned failure. */
  enter(call: string, subject: string, changes: boolean): void
  /** A number that no one else gets: ids, process ids, instants. */
  next(): number
  /** The instant of now, in the form of the container engine. */
  instant(): string
  tell(source: HintSource, hint: EngineHint): void
  listen(source: HintSource, listener: (hint: EngineHint) => void): Subscription
}

export type HintSource = 'containers' | 'switches' | 'links'

/** A machine with engines on it and nothing on them. */
export const createWorld = (options: WorldOptions = {}): World => {
  let counter = 0
  const failures: PlannedFailure[] = []
  const calls: string[] = []
  const listeners = new Set<{ source: HintSource; listener: (hint: EngineHint) => void }>()
  const next = (): number => (counter += 1)
  return {
    datapath: options.datapath ?? 'system',
    cpus: options.cpus ?? 8,
    shell: options.shell ?? runShell,
    containers: new Map(),
    namespaces: new Map([[0, new Map<string, MemoryDevice>()]]),
    bridges: new Map(),
    nat: [],
    images: { missing: new Set(), unknown: new Set(), exiting: new Map(), checked: new Set() },
    locks: new Map(),
    cookies: new Map(),
    calls,
    failNext: (failure) => {
      failures.push(failure)
    },
    enter: (call, subject, changes) => {
      if (changes) calls.push(`${call} ${subject}`)
      const index = failures.findIndex(
        (one) => one.call === call && (one.subject === undefined || one.subject === subject),
      )
      const [failure] = index < 0 ? [] : failures.splice(index, 1)
      if (failure !== undefined) throw new EngineError(failure.code ?? 'REFUSED', { call, subject })
    },
    next,
    instant: () => `${new Date(next()).toISOString().slice(0, -1)}000000Z`,
    tell: (source, hint) => {
      for (const one of listeners) {
        // Later, as from a real engine: never in the middle of the call that caused it.
        if (one.source === source) queueMicrotask(() => listeners.has(one) && one.listener(hint))
      }
    },
    listen: (source, listener) => {
      const one = { source, listener }
      listeners.add(one)
      return { close: async () => void listeners.delete(one) }
    },
  }
}
