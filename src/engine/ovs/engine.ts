import { dirname } from 'node:path'
import type { Conflict, ObservedBridge, ObservedFlow, ObservedPort } from '../../model/actual.ts'
import { EngineError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'
import type { BridgeName, Owner, PortName } from '../../model/names.ts'
import { asOwned, externalIds, type Owned } from '../../model/ownership.ts'
import type { FlowChange } from '../../model/plan.ts'
import { createHintHub } from '../hints.ts'
import type { SwitchEngine } from '../ports.ts'
import { kernelDatapath } from './datapath.ts'
import { createDriftWatch } from './drift.ts'
import { addLine, inPortName, removeLine, withPortNumber } from './flows.ts'
import { createFlowTool } from './ofctl.ts'
import { observeBridge, observePort } from './observe.ts'
import type { BridgeRow } from './replica.ts'
import { createSession } from './session.ts'
import { bridgeOf, findBridge, findInterface, holderOf, isOwned } from './transactions.ts'
import { createWriter } from './writer.ts'

export interface SwitchEngineOptions {
  readonly owner: Owner
  /** `unix:PATH` or `tcp:HOST:PORT` of the switch's database. */
  readonly ovsdb: string
  /** Where the switch daemon keeps its bridges' sockets; the directory of the database's socket when absent. */
  readonly runDirectory?: string
  /** `auto`: the kernel's datapath where the kernel has it. */
  readonly datapath: 'auto' | 'system' | 'netdev'
  readonly log: Log
  readonly timeouts?: Partial<SwitchTimeouts>
}

/** Milliseconds. */
export interface SwitchTimeouts {
  /** One call to the database, or of a program. */
  readonly call: number
  /** For the switch to take a change into its datapath. */
  readonly take: number
  /** Silence on the database's connection after which it is probed. */
  readonly probe: number
  /** First and longest pause between attempts to reach the database or a bridge. */
  readonly retry: { readonly first: number; readonly longest: number }
  /** Hints of one place within this time are one. */
  readonly gather: number
}

const defaultTimeouts: SwitchTimeouts = {
  call: 10_000,
  take: 15_000,
  probe: 5_000,
  retry: { first: 50, longest: 2_000 },
  gather: 5,
}

/** Lock ids are `[a-zA-Z_][a-zA-Z0-9_]*` (RFC 7047 §3.1); other characters are written as `_` and their code, so that no two owners share one. */
export const lockId = (owner: Owner): string =>
  `sond_owner_${owner.replaceAll(/[^a-zA-Z0-9]/g, (char) => `_${char.charCodeAt(0).toString(16)}`)}`

/** In an order of their own, not that of the database, which changes when it restarts. */
const sorted = <R extends { readonly name: string }>(rows: ReadonlyMap<string, R>): readonly R[] =>
  [...rows.values()].sort((a, b) => (a.name < b.name ? -1 : 1))

const runDirectoryOf = (ovsdb: string): string => {
  const path = /^unix:(.+)$/.exec(ovsdb)?.[1]
  return path === undefined ? '/run/openvswitch' : dirname(path)
}

/** Open vSwitch: its database by OVSDB, its flows by `ovs-ofctl`. Connects at the first call. */
export const createSwitchEngine = (options: SwitchEngineOptions): SwitchEngine => {
  const { owner, ovsdb, log } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  let claimed = false
  let claiming: Promise<boolean> | undefined
  let datapathType: Promise<'system' | 'netdev'> | undefined
  const lastNumbers = new Map<PortName | string, number>() // of ports that may be gone: flows still name them

  const hub = createHintHub(timeouts.gather, () => drift.follow())
  const session = createSession({
    endpoint: ovsdb,
    log,
    timeoutMs: timeouts.call,
    probeMs: timeouts.probe,
    retryMs: timeouts.retry,
    onChanges(changes) {
      for (const change of changes) {
        if (change.table !== 'interface') continue
        const number = change.after?.ofport ?? change.before?.ofport
        const name = change.after?.name ?? change.before?.name
        if (name !== undefined && number !== undefined && number > 0) lastNumbers.set(name, number)
      }
      drift.onChanges(changes)
    },
    onConnected(again) {
      if (again) log.info('connected to Open vSwitch again', { ovsdb })
      for (const row of session.rows.interfaces.values())
        if (row.ofport !== undefined && row.ofport > 0) lastNumbers.set(row.name, row.ofport)
      drift.follow()
      if (again) hub.emit({ cause: 'connected to Open vSwitch again' })
    },
    onLock(locked) {
      if (locked) log.info('owner claim on Open vSwitch is held', { owner })
      else log.warn('owner claim on Open vSwitch is not held', { owner })
      hub.emit({ cause: 'owner claim changed' })
    },
  })
  const tool = createFlowTool(options.runDirectory ?? runDirectoryOf(ovsdb), timeouts.call)
  const drift = createDriftWatch({ rows: session.rows, owner, tool, hub, retryMs: timeouts.retry.first })
  const write = createWriter({
    session,
    owner,
    assertedLock: () => (claimed ? lockId(owner) : undefined),
    takeMs: timeouts.take,
  })

  const datapath = (): Promise<'system' | 'netdev'> => {
    if (options.datapath !== 'auto') return Promise.resolve(options.datapath)
    datapathType ??= kernelDatapath({ timeoutMs: timeouts.call, signal: session.closing }).then(
      (found) => (found ? 'system' : 'netdev'),
      (error: unknown) => {
        datapathType = undefined
        throw error
      },
    )
    return datapathType
  }

  /** Ours, and we may write: the claim, once made, still stands. */
  const requireOwnedBridge = (name: BridgeName): void => {
    const row = findBridge(session.rows, name)
    if (row === undefined) throw new EngineError('NOT_FOUND', { bridge: name })
    if (!isOwned(row, owner)) throw new EngineError('CONFLICT', { bridge: name, holder: holderOf(row) })
    if (claimed && !session.locked) throw new EngineError('CONFLICT', { owner, reason: 'the claim was lost' })
  }

  /**
   * A flow outlives its port, and shows that port's number then. One that is removed by a name that is gone is found by
   * the number the port had; when that is unknown it is left for the next look, which sees the number.
   */
  const removalLine = (flow: FlowChange['flow']): readonly string[] => {
    const name = inPortName(flow.match)
    const number = name === undefined ? undefined : findInterface(session.rows, name)?.ofport
    if (name === undefined || (number !== undefined && number > 0)) return [removeLine(flow)]
    const last = lastNumbers.get(name)
    return last === undefined ? [] : [removeLine({ ...flow, match: withPortNumber(flow.match, last) })]
  }

  const dump = async (row: BridgeRow, number: number | undefined): Promise<readonly ObservedFlow[]> => {
    try {
      // The name of a bridge of ours was checked when it was made.
      return await tool.dump(row.name as BridgeName, number)
    } catch (error) {
      // One that the switch has not taken yet has no flows; and one is not known to be taken while the switch has yet to
      // tell a restarted database.
      if (row.datapathId === undefined && error instanceof EngineError && error.code === 'UNAVAILABLE') return []
      throw error
    }
  }

  return {
    async ping() {
      try {
        await session.request('echo', [])
      } catch (cause) {
        if (session.closing.aborted) throw cause
        const details = cause instanceof EngineError ? cause.details : {}
        throw new EngineError('UNAVAILABLE', { ...details, ovsdb }, { cause })
      }
    },
    async subscribe(listener) {
      await session.ready()
      const subscription = hub.add(listener)
      try {
        await drift.ready(timeouts.call, session.closing)
      } catch (error) {
        await subscription.close()
        throw error
      }
      return subscription
    },
    claim() {
      // A lock that is being asked for must not be asked for again (RFC 7047 §4.1.8).
      claiming ??= session
        .lock(lockId(owner))
        .then((held) => {
          claimed ||= held
          return held
        })
        .finally(() => {
          claiming = undefined
        })
      return claiming
    },
    datapath,
    async observe({ instance, cookie }, bridges) {
      await session.ready()
      const { rows } = session
      const named = new Set<string>(bridges)
      const ofScope = (ids: Readonly<Record<string, string>>): boolean =>
        instance === undefined || ids[externalIds.instance] === instance
      const ownBridges = sorted(rows.bridges).filter((row) => isOwned(row, owner))
      const observedBridges = ownBridges.filter((row) => named.has(row.name) || ofScope(row.externalIds))
      const observedPorts: Owned<ObservedPort>[] = []
      const switches = new Map(observedBridges.map((row) => [row.name, row]))
      for (const row of sorted(rows.ports)) {
        if (!isOwned(row, owner) || !ofScope(row.externalIds)) continue
        const bridge = bridgeOf(rows, row)
        if (bridge === undefined || bridge.name === row.name) continue // a bridge's own device is part of the bridge
        observedPorts.push(asOwned(observePort(rows, row, bridge)))
        if (isOwned(bridge, owner)) switches.set(bridge.name, bridge)
      }
      const number = instance === undefined ? undefined : cookie
      const dumped = instance === undefined || cookie !== undefined ? [...switches.values()] : []
      const dumps = await Promise.all(dumped.map((row) => dump(row, number)))
      const conflicts = bridges.flatMap((name): Conflict[] => {
        const row = findBridge(rows, name)
        return row === undefined || isOwned(row, owner) ? [] : [{ kind: 'bridge', name, holder: holderOf(row) }]
      })
      return {
        bridges: observedBridges.map((row): Owned<ObservedBridge> => asOwned(observeBridge(rows, row))),
        ports: observedPorts,
        flows: dumps.flat().map((flow): Owned<ObservedFlow> => asOwned(flow)),
        conflicts,
      }
    },
    async setBridge(bridge) {
      await write({ kind: 'setBridge', bridge, datapathType: await datapath() })
    },
    async removeBridge({ name }) {
      await write({ kind: 'removeBridge', name })
    },
    async setPort(port) {
      await write({ kind: 'setPort', port })
    },
    async removePort({ name }) {
      await write({ kind: 'removePort', name })
    },
    async changeFlows(bridge, changes) {
      if (changes.length === 0) return
      await session.ready()
      requireOwnedBridge(bridge)
      // Removals first: a flow that replaces another with the same match must not be taken for it.
      const removals = changes.filter((change) => change.op === 'remove').flatMap(({ flow }) => removalLine(flow))
      const additions = changes.filter((change) => change.op === 'add').map(({ flow }) => addLine(flow))
      const lines = [...removals, ...additions]
      if (lines.length > 0) await tool.bundle(bridge, lines)
    },
    async close() {
      tool.close()
      hub.close()
      await Promise.all([session.close(), drift.close()])
    },
  }
}
