import { setTimeout as delay } from 'node:timers/promises'
import type { Readable } from 'node:stream'
import type { Log } from '../../model/log.ts'
import { parseObjectName } from '../../model/names.ts'
import type { Owner } from '../../model/names.ts'
import { labels } from '../../model/ownership.ts'
import type { EngineHint, Subscription } from '../ports.ts'
import type { DockerClient } from './client.ts'
import { asReadable, jsonLines } from './streams.ts'

/** What changed, before listeners are told. */
export interface DockerChange {
  readonly kind: 'container' | 'image' | 'everything'
  readonly action: string
  readonly id: string
}

export interface Events {
  readonly subscribe: (listener: (hint: EngineHint) => void) => Promise<Subscription>
  /** True while every change is told. */
  readonly live: () => boolean
  /** Tells all listeners. */
  tell(hint: EngineHint): void
  close(): void
}

export interface EventsOptions {
  readonly client: DockerClient
  readonly owner: Owner
  readonly log: Log
  readonly onChange: (change: DockerChange) => void
  /** Milliseconds between pings while the stream is open: one that is silent may be dead. */
  readonly pingEvery: number
  readonly pingTimeout: number
}

/** Those that change what is observed; Docker takes them for beginnings: `health_status: healthy`. Each run of a check, as others, never reaches us. */
const containerActions = [
  'create',
  'start',
  'restart',
  'die',
  'stop',
  'oom',
  'pause',
  'unpause',
  'update',
  'rename',
  'destroy',
  'health_status',
]
const imageActions = ['pull', 'import', 'load', 'tag', 'untag', 'delete']
const backoff = { firstMs: 100, longestMs: 5_000 }

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

export const createEvents = ({ client, owner, log, onChange, pingEvery, pingTimeout }: EventsOptions): Events => {
  const { docker } = client
  const listeners = new Set<(hint: EngineHint) => void>()
  let closed = false
  let live = false
  let running: { readonly stop: AbortController; readonly opened: Promise<void> } | undefined

  const tell = (hint: EngineHint): void => {
    for (const listener of listeners) listener(hint)
  }

  const read = (event: unknown): void => {
    if (!isRecord(event) || !isRecord(event['Actor'])) return
    const attributes = isRecord(event['Actor']['Attributes']) ? event['Actor']['Attributes'] : {}
    const action = text(event['Action'])
    const id = text(event['Actor']['ID'])
    if (event['Type'] === 'image') {
      onChange({ kind: 'image', action, id })
      // An image that comes may be the one that somebody waits for; one that goes harms nothing that runs.
      if (action !== 'untag' && action !== 'delete') tell({ cause: `image ${action}` })
      return
    }
    if (attributes[labels.owner] !== owner) return
    onChange({ kind: 'container', action, id })
    const instance = parseObjectName(text(attributes[labels.instance]))
    tell({ ...(instance === undefined ? {} : { instance }), cause: `container ${action}` })
  }

  const open = (signal: AbortSignal): Promise<Readable> =>
    client.call(
      async (callSignal) => {
        const stream = await docker.getEvents({
          filters: { type: ['container', 'image'], event: [...containerActions, ...imageActions] },
          abortSignal: AbortSignal.any([signal, callSignal]),
        })
        return asReadable(stream)
      },
      { signal },
    )

  /** A half-open connection says nothing for ever: ask by another one, and break it off. */
  const watchdog = async (stream: Readable, signal: AbortSignal): Promise<void> => {
    while (!stream.destroyed) {
      await delay(pingEvery, undefined, { signal, ref: false }).catch(() => undefined)
      if (signal.aborted) return
      await client
        .ping(pingTimeout)
        .catch((error: unknown) => stream.destroy(error instanceof Error ? error : undefined))
    }
  }

  const run = async (signal: AbortSignal, opened: () => void): Promise<void> => {
    const ended = (): boolean => signal.aborted
    let wait = backoff.firstMs
    let lost = false
    while (!ended()) {
      try {
        const stream = await open(signal)
        live = true
        wait = backoff.firstMs
        opened()
        if (lost) {
          log.info('docker events are back')
          tell({ cause: 'docker events resumed' })
          lost = false
        }
        void watchdog(stream, signal)
        for await (const event of jsonLines(stream)) read(event)
      } catch (error) {
        if (!ended()) log.debug('docker events broke off', { error })
      }
      live = false
      onChange({ kind: 'everything', action: 'lost', id: '' })
      opened()
      if (ended()) return
      if (!lost) {
        log.warn('docker events are lost, asking again')
        tell({ cause: 'docker events are lost' })
      }
      lost = true
      await delay(wait, undefined, { signal, ref: false }).catch(() => undefined)
      wait = Math.min(wait * 2, backoff.longestMs)
    }
  }

  const start = (): { readonly stop: AbortController; readonly opened: Promise<void> } => {
    const stop = new AbortController()
    const { promise: opened, resolve } = Promise.withResolvers<undefined>()
    void run(stop.signal, () => resolve(undefined))
    return { stop, opened }
  }

  const end = (): void => {
    running?.stop.abort()
    running = undefined
    live = false
    onChange({ kind: 'everything', action: 'closed', id: '' })
  }

  return {
    live: () => live,
    tell,
    subscribe: async (listener) => {
      listeners.add(listener)
      if (!closed) running ??= start()
      await running?.opened
      return {
        close: async () => {
          listeners.delete(listener)
          if (listeners.size === 0) end()
        },
      }
    },
    close: () => {
      closed = true
      listeners.clear()
      end()
    },
  }
}
