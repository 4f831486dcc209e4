import { EngineError } from '../../model/errors.ts'
import type { Log } from '../../model/log.ts'
import { openConnection, type Connection } from './connection.ts'
import { isObject } from './notation.ts'
import { createReplica, monitoredColumns, type Change, type Rows } from './replica.ts'

/**
 * A lasting relation to one OVSDB server: connects, connects again when it breaks, keeps the replica and the lock.
 */
export interface Session {
  /** Complete whenever `ready` has resolved and the connection stands. */
  readonly rows: Rows
  readonly connected: boolean
  /** We hold the lock that `lock` asked for. */
  readonly locked: boolean
  /** Aborted by `close`: what waits here, and is asked, rejects with `CANCELLED`. */
  readonly closing: AbortSignal
  /** Resolves when connected and the replica is complete; rejects with `UNAVAILABLE` after the time-out. */
  ready(): Promise<void>
  request(method: string, params: readonly unknown[]): Promise<unknown>
  /** Asks for a lock (RFC 7047 §4.1.8); it is kept, and asked for again after a reconnect, until `close`. False: another has it. */
  lock(id: string): Promise<boolean>
  /** Resolves when the replica satisfies the condition, `false` when it does not within the time. */
  until(condition: (rows: Rows) => boolean, timeoutMs: number): Promise<boolean>
  close(): Promise<void>
}

export interface SessionOptions {
  readonly endpoint: string
  readonly log: Log
  readonly timeoutMs: number
  readonly probeMs: number
  /** First and longest pause between two attempts to connect. */
  readonly retryMs: { readonly first: number; readonly longest: number }
  /** After the replica has changed. */
  onChanges(changes: readonly Change[]): void
  /** Connected, the replica is new; `again` = not for the first time. */
  onConnected(again: boolean): void
  /** The lock that we hold was taken or given back. */
  onLock(locked: boolean): void
}

/** What of an error is not said beside it already. */
const reasonOf = (error: unknown): string => {
  if (!(error instanceof EngineError)) return String(error)
  const { ovsdb: _, ...details } = error.details
  return details['reason'] ?? (Object.values(details).join(', ') || error.message)
}

export const createSession = (options: SessionOptions): Session => {
  const { endpoint, log, timeoutMs, probeMs, retryMs } = options
  const replica = createReplica()
  const checks = new Set<() => void>() // waiting for the replica or the connection
  let connection: Connection | undefined
  let opening: Promise<void> | undefined
  let retryTimer: NodeJS.Timeout | undefined
  let pause = retryMs.first
  let everConnected = false
  let failure = `not connected after ${timeoutMs} ms` // of the last attempt to connect
  const closing = new AbortController()
  let lockId: string | undefined
  let locked = false
  let early: unknown[] | undefined // updates that came before the answer to `monitor` was taken

  const isClosed = (): boolean => closing.signal.aborted
  const cancelled = (): EngineError => new EngineError('CANCELLED', { ovsdb: endpoint })

  const check = (): void => {
    for (const one of [...checks]) one()
  }

  const setLocked = (value: boolean): void => {
    if (locked === value) return
    locked = value
    if (lockId !== undefined && !isClosed()) options.onLock(value)
  }

  const onNotification = (method: string, params: readonly unknown[]): void => {
    if (method === 'update') {
      if (early !== undefined) {
        early.push(params[1])
        return
      }
      const changes = replica.apply(params[1])
      if (changes.length > 0) options.onChanges(changes)
      check()
    } else if (method === 'locked' && params[0] === lockId) setLocked(true)
    else if (method === 'stolen' && params[0] === lockId) setLocked(false)
  }

  const askLock = async (from: Connection, id: string): Promise<boolean> => {
    const answer = await from.request('lock', [id])
    return isObject(answer) && answer['locked'] === true
  }

  const open = async (): Promise<void> => {
    const fresh = await openConnection({
      endpoint,
      timeoutMs,
      probeMs,
      signal: closing.signal,
      onNotification,
      onClose(reason) {
        if (connection !== undefined) failure = reason // else the attempt to connect tells why it failed
        connection = undefined
        setLocked(false)
        if (isClosed()) return
        log.warn('connection to Open vSwitch lost', { endpoint, reason })
        retryLater()
      },
    })
    early = []
    try {
      if (isClosed()) throw cancelled()
      const requests = Object.entries(monitoredColumns).map(([table, columns]) => [table, [{ columns }]] as const)
      const monitored = await fresh.request('monitor', ['Open_vSwitch', null, Object.fromEntries(requests)])
      // Whatever else it is, it is no database without a single bridge.
      if (!isObject(monitored)) throw new EngineError('REFUSED', { ovsdb: endpoint, error: 'it tells no tables' })
      replica.clear()
      for (const updates of [monitored, ...early]) replica.apply(updates)
      early = undefined
      if (lockId !== undefined) setLocked(await askLock(fresh, lockId))
    } catch (error) {
      fresh.close()
      throw error
    }
    if (isClosed()) return
    connection = fresh
    pause = retryMs.first
    const again = everConnected
    everConnected = true
    options.onConnected(again)
    check()
  }

  const start = (): void => {
    opening ??= open()
      .catch((error: unknown) => {
        failure = reasonOf(error)
        log.debug('Open vSwitch does not answer', { endpoint, error: String(error) })
        retryLater()
      })
      .finally(() => {
        opening = undefined
      })
  }

  function retryLater(): void {
    if (isClosed() || retryTimer !== undefined) return
    retryTimer = setTimeout(() => {
      retryTimer = undefined
      start()
    }, pause)
    pause = Math.min(pause * 2, retryMs.longest)
  }

  const until: Session['until'] = (condition, limitMs) =>
    new Promise((resolve, reject) => {
      const finish = (value: boolean): void => {
        clearTimeout(timer)
        checks.delete(look)
        if (isClosed()) reject(cancelled())
        else resolve(value)
      }
      const look = (): void => {
        if (isClosed()) finish(false)
        else if (connection !== undefined && condition(replica)) finish(true)
      }
      const timer = setTimeout(() => finish(false), limitMs)
      checks.add(look)
      look()
    })

  const ready = async (): Promise<void> => {
    if (connection !== undefined) return
    if (isClosed()) throw cancelled()
    if (retryTimer === undefined) start()
    if (!(await until(() => true, timeoutMs)))
      throw new EngineError('UNAVAILABLE', { ovsdb: endpoint, reason: failure })
  }

  const request: Session['request'] = async (method, params) => {
    await ready()
    if (connection === undefined) throw new EngineError('UNAVAILABLE', { ovsdb: endpoint, reason: failure })
    return connection.request(method, params)
  }

  return {
    rows: replica,
    closing: closing.signal,
    get connected() {
      return connection !== undefined
    },
    get locked() {
      return locked
    },
    ready,
    request,
    async lock(id) {
      await ready()
      if (lockId === id) return locked // asked for: the server tells when it is ours
      if (connection === undefined) throw new EngineError('UNAVAILABLE', { ovsdb: endpoint })
      const asked = connection
      if (await askLock(asked, id)) {
        lockId = id
        locked = true
        return true
      }
      await asked.request('unlock', [id]) // else we would get it later, unnoticed
      return false
    },
    until,
    async close() {
      closing.abort()
      clearTimeout(retryTimer)
      connection = undefined
      check()
      await opening
    },
  }
}
