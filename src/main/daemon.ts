import { availableParallelism } from 'node:os'
import { mkdir } from 'node:fs/promises'
import { createApi } from '../api/api.ts'
import { loadToken } from '../api/token.ts'
import { createBackend } from '../daemon/backend.ts'
import { createBoard } from '../daemon/board.ts'
import { loadSapUnit } from '../daemon/sap-unit.ts'
import { packageFolder } from '../daemon/build-context.ts'
import { defaultSapUnit } from '../desired/settings.ts'
import type { Log } from '../model/log.ts'
import { must, parseOwner } from '../model/names.ts'
import { parseManifestFile } from '../parse/manifest.ts'
import { parsePackage } from '../parse/package.ts'
import { printPlan } from '../plan/print.ts'
import { createBackoff } from '../reconcile/backoff.ts'
import { systemClock as clock } from '../reconcile/clock.ts'
import type { LoopContext } from '../reconcile/context.ts'
import { createController } from '../reconcile/controller.ts'
import { createCrashes } from '../reconcile/crashes.ts'
import { createFetchEvents } from '../reconcile/fetch-events.ts'
import { createFetches } from '../reconcile/fetches.ts'
import { preview } from '../reconcile/instance.ts'
import { createLedgerBook } from '../reconcile/ledger.ts'
import { createScriptJournal } from '../reconcile/script-journal.ts'
import { acquireLock } from '../store/lock.ts'
import { createStore } from '../store/store.ts'
import type { Parsers } from '../watch/types.ts'
import { createWatcher } from '../watch/watch.ts'
import { startEngines } from './engines.ts'
import { createMetrics } from './metrics.ts'
import { notifySystemd } from './notify.ts'
import type { Options } from './options.ts'

const parsers: Parsers = {
  manifest: (file, bytes) => parseManifestFile(file, bytes),
  package: (file, bytes) => parsePackage(file, bytes),
}

const waits = {
  crash: { first: 10_000, longest: 300_000, reset: 600_000 },
  failure: { first: 2_000, longest: 300_000, reset: 600_000 },
  trouble: { first: 500, longest: 60_000, reset: 600_000 },
} as const

/** A signal, or a call of the API, that asks the daemon to end. */
const endOf = () => {
  let ask: (code: number) => void = () => undefined
  const asked = new Promise<number>((resolve) => (ask = resolve))
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.on(signal, () => {
      ask(0)
    })
  return { asked, ask }
}

/**
 * Builds the daemon, runs it until it is asked to end, and takes it apart again. Services stay as they are, unless the call that
 * ends everything was what asked.
 *
 * @returns the exit code
 * @throws LockedError when another daemon has the state directory
 */
export const runDaemon = async (options: Options, version: string, log: Log): Promise<number> => {
  const end = endOf()
  const { spec, stateDir, runDir } = options
  const owner = must(parseOwner(spec.owner), spec.owner)
  await mkdir(stateDir, { recursive: true, mode: 0o755 })
  await mkdir(runDir, { recursive: true, mode: 0o755 })
  const lock = await acquireLock(stateDir)
  const {
    engines,
    datapath,
    stop: stopEngines,
  } = await startEngines(options, owner, log).catch(async (error: unknown) => {
    await lock.release()
    throw error
  })
  try {
    if (!(await engines.switches.claim().catch(() => true))) {
      log.error('another daemon has this owner mark on these engines', { owner })
      throw new Error(
        `another sond with the owner mark "${owner}" works on this Open vSwitch; stop that one first, or give this one its own with --owner`,
      )
    }
    const store = await createStore({ directory: stateDir, log })
    const watcher = createWatcher({
      directory: spec.manifests.directory,
      settleMs: spec.manifests.settleMs,
      maxPrunePercent: spec.manifests.maxPrunePercent,
      parsers,
      store,
      log,
      clock,
    })
    const board = createBoard({ store, clock })
    const crashes = createCrashes(createBackoff(waits.crash, clock), clock, {
      get: (name) => store.get('histories', name),
      set: (name, history) => {
        store.set('histories', name, history)
      },
      delete: (name) => {
        store.delete('histories', name)
      },
    })
    const metrics = createMetrics()
    const wishes: LoopContext['wishes'] = new Map()
    const fetches = createFetches(
      engines.containers,
      createFetchEvents({
        board,
        usersOf: (image) =>
          [...wishes]
            .filter(([, { desired }]) => desired.containers.some((container) => container.image === image))
            .map(([name]) => name),
        poke: (name) => {
          controller.poke(name)
        },
        clock,
      }),
      clock,
    )
    const context: LoopContext & { watcher: typeof watcher } = {
      engines: { ...engines, containers: { ...engines.containers, ...fetches } },
      watcher,
      store,
      board,
      book: createLedgerBook([]),
      wishes,
      crashes,
      failures: createBackoff(waits.failure, clock),
      troubles: createBackoff(waits.trouble, clock),
      restarts: (name) => crashes.restarts(name),
      scripts: createScriptJournal({ containers: engines.containers, store, board, clock }),
      stopWaits: new Map(),
      settings: spec,
      sapUnit: spec.saps.vnfd === null ? defaultSapUnit : await loadSapUnit(spec.saps.vnfd),
      owner,
      host: { cpus: availableParallelism() },
      txOffloadBreaks: datapath === 'netdev',
      buildContext: (digest, folder) => packageFolder(store, digest, folder),
      observer: metrics,
      clock,
      log,
    }
    const controller = createController(context)
    const backend = createBackend({
      context,
      watcher,
      controller,
      board,
      parsers,
      directory: spec.manifests.directory,
      preview: async (entry) => {
        const plan = await preview(context, entry)
        return { text: printPlan(plan), plan }
      },
      exit: async () => {
        log.info('ending with all services', {})
        await controller.terminate()
        end.ask(0)
      },
    })
    metrics.watch(() => ({
      depth: controller.depth(),
      instances: watcher.catalog().instances.size,
      ready: board.readyCount(),
      held: watcher.catalog().held?.objects.length ?? 0,
    }))
    const api = createApi({
      backend,
      listeners: spec.listen,
      token: options.tokenFile === undefined ? undefined : await loadToken(options.tokenFile),
      insecureNoAuth: options.insecureNoAuth,
      version,
      log,
      metrics: metrics.registry,
      uploadDirectory: `${stateDir}/uploads`,
      gatekeeper: { autoDeploy: spec.autoDeploy, autoDelete: spec.autoDelete },
    })
    const addresses = await api.listen()
    await watcher.start()
    await controller.start()
    log.info('sond runs', {
      version,
      manifests: spec.manifests.directory,
      engines: spec.engines.mode,
      listen: addresses,
    })
    await notifySystemd('--ready', process.env)
    const code = await end.asked
    log.info('ending', {})
    await notifySystemd('--stopping', process.env)
    await api.close()
    await controller.close()
    backend.close()
    await watcher.close()
    await store.close()
    return code
  } finally {
    await Promise.allSettled([engines.containers.close(), engines.switches.close(), engines.links.close()])
    await stopEngines()
    await lock.release()
  }
}
