import equal from 'fast-deep-equal'
import { externalIds } from '../../model/ownership.ts'
import { EngineError } from '../../model/errors.ts'
import { cookieInstance } from '../../model/cookie.ts'
import { parseObjectName, type BridgeName, type InstanceName, type Owner } from '../../model/names.ts'
import type { HintHub } from '../hints.ts'
import type { FollowedProgram } from '../process.ts'
import { changedCookie } from './flows.ts'
import type { FlowTool } from './ofctl.ts'
import type { BridgeRow, Change, Rows } from './replica.ts'
import { isOwned } from './transactions.ts'

/** Turns what changes on the switch into hints: rows of the database, and flows by one `ovs-ofctl monitor` per bridge of ours. */
export interface DriftWatch {
  /** Starts and stops monitors so that each live bridge of ours has one, while somebody listens. */
  follow(): void
  /**
   * Resolves when all monitors that were started tell changes, or have ended; rejects with `TIMEOUT` when a switch says nothing, and with
   * `CANCELLED` when the signal aborts.
   */
  ready(timeoutMs: number, signal: AbortSignal): Promise<void>
  /** Gives hints for rows of ours that changed. */
  onChanges(changes: readonly Change[]): void
  close(): Promise<void>
}

// The answer to the request for reports; those of changes come on their own and bear transaction id 0.
const beginsReport = (line: string): boolean =>
  line.startsWith('OFPST_FLOW_MONITOR reply') && !line.includes('(xid=0x0)')

type Marked = { readonly externalIds: Readonly<Record<string, string>> }

const marksSame = (before: Marked, after: Marked): boolean => equal(before.externalIds, after.externalIds)

const instanceOf = (row: Marked): InstanceName | undefined =>
  parseObjectName(row.externalIds[externalIds.instance] ?? '')

export const createDriftWatch = (options: {
  readonly rows: Rows
  readonly owner: Owner
  readonly tool: FlowTool
  readonly hub: HintHub
  readonly retryMs: number
}): DriftWatch => {
  const { rows, owner, tool, hub, retryMs } = options
  const monitors = new Map<BridgeName, { readonly program: FollowedProgram; readonly ready: Promise<undefined> }>()
  const stopping = new Set<Promise<void>>()
  let retryTimer: NodeJS.Timeout | undefined
  let closed = false

  const instanceByCookie = (number: number): InstanceName | undefined => {
    const text = String(number)
    const port = rows.ports.values().find((row) => isOwned(row, owner) && row.externalIds[externalIds.cookie] === text)
    return port === undefined ? undefined : instanceOf(port)
  }

  const hintFor = (row: Marked, cause: string): void => {
    const instance = instanceOf(row)
    hub.emit(instance === undefined ? { fabric: true, cause } : { instance, cause })
  }

  const liveBridges = (): ReadonlySet<BridgeName> =>
    new Set(
      rows.bridges
        .values()
        .filter((row) => isOwned(row, owner) && row.datapathId !== undefined)
        // A bridge of ours bears a name that we made: it was checked when it was made.
        .map((row) => row.name as BridgeName),
    )

  const start = (bridge: BridgeName): void => {
    const ready = Promise.withResolvers<undefined>()
    const program = tool.monitor(bridge, {
      onLine(line) {
        const cookie = changedCookie(line)
        if (cookie !== undefined) {
          const instance = instanceByCookie(cookieInstance(cookie))
          hub.emit({ ...(instance !== undefined && { instance }), cause: `flow changed on ${bridge}` })
        } else if (beginsReport(line)) {
          ready.resolve(undefined)
          hub.emit({ cause: `watching flows of ${bridge}` }) // what changed before went unseen
        }
      },
      onEnd() {
        ready.resolve(undefined)
        monitors.delete(bridge)
        if (closed) return
        hub.emit({ cause: `the switch of ${bridge} went away` })
        retryTimer ??= setTimeout(() => {
          retryTimer = undefined
          follow()
        }, retryMs)
      },
    })
    monitors.set(bridge, { program, ready: ready.promise })
  }

  const follow = (): void => {
    const wanted = closed || !hub.listening ? new Set<BridgeName>() : liveBridges()
    for (const [bridge, monitor] of monitors) {
      if (wanted.has(bridge)) continue
      monitors.delete(bridge)
      const end = monitor.program.stop().finally(() => stopping.delete(end))
      stopping.add(end)
    }
    if (retryTimer !== undefined) return // a switch that has just gone away needs a moment
    for (const bridge of wanted) if (!monitors.has(bridge)) start(bridge)
  }

  const portOf = (interfaceId: string): Marked | undefined =>
    rows.ports.values().find((port) => port.interfaces.includes(interfaceId))

  /** A bridge's list of ports changes with every port: that concerns the ports' owners alone, not who looks after the bridge. */
  const hintForBridge = (before: BridgeRow, after: BridgeRow): void => {
    const { ports: old, ...settingsBefore } = before
    const { ports: now, ...settings } = after
    if (!equal(settingsBefore, settings)) hintFor(after, `bridge ${after.name} changed`)
    for (const id of new Set(old).symmetricDifference(new Set(now))) {
      const port = rows.ports.get(id) // one that is gone tells so itself
      if (port !== undefined && isOwned(port, owner)) hintFor(port, `port ${port.name} changed`)
    }
  }

  return {
    follow,
    async ready(timeoutMs, signal) {
      const { promise: late, reject } = Promise.withResolvers<never>()
      const about = { switch: 'ovs-vswitchd' }
      const timer = setTimeout(
        () => reject(new EngineError('TIMEOUT', { ...about, after: `${timeoutMs} ms` })),
        timeoutMs,
      )
      const cancel = (): void => reject(new EngineError('CANCELLED', about))
      signal.addEventListener('abort', cancel, { once: true })
      try {
        await Promise.race([late, Promise.all([...monitors.values()].map((monitor) => monitor.ready))])
      } finally {
        clearTimeout(timer)
        signal.removeEventListener('abort', cancel)
      }
    },
    onChanges(changes) {
      for (const { table, before, after } of changes) {
        const row = after ?? before
        if (row === undefined) continue
        if (table === 'bridge' && before !== undefined && after !== undefined && marksSame(before, after)) {
          if (isOwned(after, owner)) hintForBridge(before, after)
        } else if (table === 'interface') {
          const port = portOf(row.id)
          if (port !== undefined && isOwned({ externalIds: port.externalIds }, owner))
            hintFor(port, `interface ${row.name} changed`)
        } else {
          if (before !== undefined && isOwned(before, owner)) hintFor(before, `${table} ${row.name} changed`)
          if (after !== undefined && isOwned(after, owner)) hintFor(after, `${table} ${row.name} changed`)
        }
      }
      if (changes.some((change) => change.table === 'bridge')) follow()
    },
    async close() {
      closed = true
      clearTimeout(retryTimer)
      retryTimer = undefined
      follow()
      await Promise.all(stopping)
    },
  }
}
