// The inside of the daemon over a real watched directory, without a loop behind it.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { Backend, Change } from '../../src/api/backend.ts'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import type { Engines } from '../../src/engine/ports.ts'
import { createBackend } from '../../src/daemon/backend.ts'
import type { Board } from '../../src/daemon/board.ts'
import { createLoopWorld, parsers } from '../../src/main/loop.ts'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { printPlan } from '../../src/plan/print.ts'
import { systemClock as clock } from '../../src/reconcile/clock.ts'
import { preview } from '../../src/reconcile/instance.ts'
import { createTracing } from '../../src/reconcile/tracing.ts'
import { createStore, type Store } from '../../src/store/store.ts'
import type { Watcher } from '../../src/watch/types.ts'
import { name } from '../support/build.ts'
import { memoryLog } from '../support/log.ts'

export interface DaemonWorld {
  readonly backend: Backend
  readonly board: Board
  readonly watcher: Watcher
  readonly store: Store
  readonly engines: Engines
  readonly directory: string
  /** What was told of objects and events, oldest first. */
  readonly changes: Change[]
  readonly read: (file: string) => Promise<string>
  /** Writes a file and has it read. */
  readonly write: (file: string, content: string | Uint8Array) => Promise<void>
}

export const startDaemonWorld = async (
  t: Test,
  options: { readonly remembered?: (store: Store) => void; readonly isReady?: () => boolean } = {},
): Promise<DaemonWorld> => {
  // Registered before the test's directory is made: node-tap then runs it before it removes that directory.
  let end = async (): Promise<void> => undefined
  t.teardown(() => end())
  const base = t.testdir({ manifests: {} })
  const directory = join(base, 'manifests')
  const log = memoryLog()
  const store = await createStore({ directory: join(base, 'state'), log })
  options.remembered?.(store)
  const engines = createMemoryEngines({ owner: 'sond' })
  const { manifests, ...rest } = defaultConfiguration().spec
  const { context, board } = createLoopWorld({
    settings: { ...rest, manifests: { ...manifests, directory, settleMs: 0 } },
    owner: name.owner('sond'),
    sapUnit: { image: name.image('sap:1'), bandwidth: 1, memoryBytes: 0 },
    running: { engines, datapath: 'system' },
    store,
    observer: { turn: () => undefined, step: () => undefined },
    tracing: createTracing(log),
    clock,
    poke: () => undefined,
  })
  const { watcher } = context
  const backend = createBackend({
    ...{ context, watcher, board, parsers, directory },
    controller: {
      ...{ start: () => undefined, poke: () => undefined, depth: () => 0, idle: () => Promise.resolve() },
      ...{ terminate: () => Promise.resolve(), close: () => Promise.resolve() },
      ready: () => ({ ready: options.isReady?.() ?? true, message: 'waiting' }),
    },
    preview: async (entry) => {
      const plan = await preview(context, entry)
      return { text: printPlan(plan), plan }
    },
    exit: () => Promise.resolve(),
  })
  const changes: Change[] = []
  backend.subscribe((change) => changes.push(change))
  end = async () => {
    backend.close()
    await watcher.close()
    await store.close()
  }
  await watcher.start()
  return {
    ...{ backend, board, watcher, store, engines, directory, changes },
    read: (file) => readFile(join(directory, file), 'utf8'),
    write: async (file, content) => {
      await mkdir(join(directory, file, '..'), { recursive: true })
      await writeFile(join(directory, file), content)
      await watcher.rescan()
    },
  }
}
