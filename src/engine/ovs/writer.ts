import { EngineError } from '../../model/errors.ts'
import type { DesiredBridge } from '../../model/desired.ts'
import type { BridgeName, Owner } from '../../model/names.ts'
import type { DesiredPort } from '../../model/plan.ts'
import { createBatcher, failed, succeeded, type Outcome } from '../batcher.ts'
import { isObject, readNumbers } from './notation.ts'
import type { InterfaceRow } from './replica.ts'
import type { Session } from './session.ts'
import {
  bridgeOperations,
  findBridge,
  findInterface,
  mustReopen,
  openedDevice,
  openedOperation,
  portOperations,
  removeBridgeOperations,
  removePortOperations,
  type Operation,
} from './transactions.ts'

/** One change that somebody asks of the switch database. */
export type Intent =
  | { readonly kind: 'setBridge'; readonly bridge: DesiredBridge; readonly datapathType: string }
  | { readonly kind: 'removeBridge'; readonly name: BridgeName }
  | { readonly kind: 'setPort'; readonly port: DesiredPort }
  | { readonly kind: 'removePort'; readonly name: string }

export interface WriterOptions {
  readonly session: Session
  readonly owner: Owner
  /** Lock that every transaction asserts to hold, once it was claimed. */
  readonly assertedLock: () => string | undefined
  /** For the switch to take a change into its datapath. */
  readonly takeMs: number
}

const nameOf = (intent: Intent): string => {
  switch (intent.kind) {
    case 'setBridge':
      return intent.bridge.name
    case 'setPort':
      return intent.port.port
    case 'removeBridge':
    case 'removePort':
      return intent.name
  }
}

// OVSDB's own error names (RFC 7047 §5.2): what we relied on has changed under us, so look again and try anew.
const raced = (error: unknown): boolean =>
  error instanceof EngineError && ['timed out', 'constraint violation'].includes(error.details['error'] ?? '')

const attempts = 3

/**
 * Writes changes to the database: those of one moment in one transaction, and waits until the switch has taken them.
 * When a transaction fails, its changes are tried one by one, so that one bad change harms no other.
 */
export const createWriter = ({ session, owner, assertedLock, takeMs }: WriterOptions) => {
  /** Runs operations and waits until the switch daemon has acted on them. */
  const commit = async (operations: readonly Operation[], wait: boolean): Promise<void> => {
    const lock = assertedLock()
    const head = lock === undefined ? [] : [{ op: 'assert', lock }]
    const tail = wait
      ? [
          { op: 'mutate', table: 'Open_vSwitch', where: [], mutations: [['next_cfg', '+=', 1]] },
          { op: 'select', table: 'Open_vSwitch', where: [], columns: ['next_cfg'] },
        ]
      : []
    const answer = await session.request('transact', ['Open_vSwitch', ...head, ...operations, ...tail])
    const results: readonly unknown[] = Array.isArray(answer) ? answer : []
    for (const result of results) {
      if (!isObject(result) || typeof result['error'] !== 'string') continue
      const details = typeof result['details'] === 'string' ? { details: result['details'] } : {}
      if (result['error'] === 'not owner') throw new EngineError('CONFLICT', { owner, reason: 'the claim was lost' })
      throw new EngineError('REFUSED', { error: result['error'], ...details })
    }
    if (!wait) return
    const selected = results.at(-1)
    const rows = isObject(selected) && Array.isArray(selected['rows']) ? selected['rows'] : []
    const first: unknown = rows[0]
    const next = isObject(first) ? readNumbers(first['next_cfg'])[0] : undefined
    if (next === undefined) throw new EngineError('REFUSED', { error: 'the database has no Open_vSwitch row' })
    const taken = await session.until((now) => now.root.values().some((root) => root.curCfg >= next), takeMs)
    if (!taken) throw new EngineError('TIMEOUT', { switch: 'ovs-vswitchd', after: `${takeMs} ms` })
  }

  const operationsFor = (intent: Intent, place: number, number: number | undefined): readonly Operation[] => {
    const { rows } = session
    switch (intent.kind) {
      case 'setBridge':
        return bridgeOperations(rows, intent.bridge, intent.datapathType, owner, place)
      case 'removeBridge':
        return removeBridgeOperations(rows, intent.name, owner)
      case 'setPort':
        return portOperations(rows, intent.port, owner, place, number)
      case 'removePort':
        return removePortOperations(rows, intent.name, owner)
    }
  }

  /** Whether the switch has done what was asked, now that it has read it. */
  const verify = (intent: Intent): void => {
    if (intent.kind === 'setBridge') {
      if (findBridge(session.rows, intent.bridge.name)?.datapathId === undefined)
        throw new EngineError('REFUSED', { bridge: intent.bridge.name, error: 'the switch has not made its datapath' })
    }
    if (intent.kind !== 'setPort') return
    const device = findInterface(session.rows, intent.port.port)
    if (device === undefined) throw new EngineError('NOT_FOUND', { port: intent.port.port })
    if (device.ofport === undefined || device.ofport <= 0 || device.error !== undefined)
      throw new EngineError('REFUSED', { port: intent.port.port, error: device.error ?? 'no port number' })
  }

  /** Takes ports off whose device must be opened anew; gives their numbers. */
  const takeOff = async (intents: readonly Intent[]): Promise<ReadonlyMap<string, number>> => {
    const numbers = new Map<string, number>()
    const operations: Operation[] = []
    for (const intent of intents) {
      if (intent.kind !== 'setPort' || !mustReopen(session.rows, intent.port, owner)) continue
      const number = findInterface(session.rows, intent.port.port)?.ofport
      if (number !== undefined && number > 0) numbers.set(intent.port.port, number)
      operations.push(...removePortOperations(session.rows, intent.port.port, owner))
    }
    if (operations.length > 0) await commit(operations, true)
    return numbers
  }

  const noteOpened = async (intents: readonly Intent[]): Promise<void> => {
    const names = intents.flatMap((intent) => (intent.kind === 'setPort' ? [intent.port.port] : []))
    const rowsOf = (): InterfaceRow[] =>
      names.flatMap((name) => findInterface(session.rows, name) ?? []).filter((row) => row.type === '')
    await session.until(() => rowsOf().every((row) => (row.ifindex ?? 0) > 0), takeMs)
    const devices = rowsOf().filter((row) => (row.ifindex ?? 0) > 0)
    const operations = devices.map(openedOperation)
    if (operations.length === 0) return
    await commit(operations, false)
    await session.until(
      ({ interfaces }) =>
        devices.every(({ id, ifindex }) => {
          const row = interfaces.get(id)
          return row === undefined || row.ifindex !== ifindex || row.externalIds[openedDevice] === String(ifindex)
        }),
      takeMs,
    )
  }

  /** All of them in one transaction; throws when that fails. */
  const together = async (intents: readonly Intent[]): Promise<readonly Outcome<undefined>[]> => {
    const numbers = await takeOff(intents)
    const outcomes: (Outcome<undefined> | undefined)[] = []
    const operations = intents.flatMap((intent, place) => {
      try {
        return operationsFor(intent, place, numbers.get(nameOf(intent)))
      } catch (error) {
        outcomes[place] = failed(error)
        return []
      }
    })
    if (operations.length > 0) await commit(operations, true)
    const results = intents.map((intent, place) => {
      const early = outcomes[place]
      if (early !== undefined) return early
      try {
        verify(intent)
        return succeeded(undefined)
      } catch (error) {
        return failed(error)
      }
    })
    await noteOpened(intents.filter((_intent, place) => results[place]?.ok === true))
    return results
  }

  const alone = async (intent: Intent): Promise<Outcome<undefined>> => {
    for (let attempt = 1; ; attempt += 1) {
      try {
        const [outcome] = await together([intent])
        return outcome ?? succeeded(undefined)
      } catch (error) {
        if (attempt === attempts || !raced(error)) return failed(error)
        // The replica follows within one answer of the server: an echo comes after every update that was on its way.
        await session.request('echo', [])
      }
    }
  }

  const work = async (intents: readonly Intent[]): Promise<readonly Outcome<undefined>[]> => {
    await session.ready()
    try {
      return await together(intents)
    } catch (error) {
      const final = error instanceof EngineError && error.code !== 'REFUSED'
      if (final || (intents.length === 1 && !raced(error))) return intents.map(() => failed(error))
      const outcomes: Outcome<undefined>[] = []
      for (const intent of intents) outcomes.push(await alone(intent))
      return outcomes
    }
  }

  return createBatcher(work, nameOf)
}
