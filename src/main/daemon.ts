import { mkdir } from 'node:fs/promises'
import { createApi } from '../api/api.ts'
import { planListener } from '../api/listeners.ts'
import { loadToken } from '../api/token.ts'
import { createBackend } from '../daemon/backend.ts'
import { loadSapUnit } from '../daemon/sap-unit.ts'
import { defaultSapUnit } from '../desired/settings.ts'
import type { Engines } from '../engine/ports.ts'
import type { Log } from '../model/log.ts'
import { must, parseOwner } from '../model/names.ts'
import { printPlan } from '../plan/print.ts'
import { systemClock as clock } from '../reconcile/clock.ts'
import { createController } from '../reconcile/controller.ts'
import { preview } from '../reconcile/instance.ts'
import { createTracing } from '../reconcile/tracing.ts'
import { acquireLock } from '../store/lock.ts'
import { createStore } from '../store/store.ts'
import { listenForEnd } from './end.ts'
import { startEngines, type RunningEngines } from './engines.ts'
import { createLoopWorld, parsers } from './loop.ts'
import { createMetrics } from './metrics.ts'
import { keepWatchdog, notifySystemd } from './notify.ts'
import { OptionsError, type Options } from './options.ts'

/** Files that settings name, and addresses to listen on: what is wrong with them is said before anything is started. */
const prepare = async ({ spec, insecureNoAuth }: Options) => {
  try {
    const { tokenFile } = spec.api
    const token = tokenFile === null ? undefined : await loadToken(tokenFile)
    for (const text of spec.listen) planListener(text, { token, insecureNoAuth })
    return { token, sapUnit: spec.saps.vnfd === null ? defaultSapUnit : await loadSapUnit(spec.saps.vnfd) }
  } catch (error) {
    throw new OptionsError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

const twin = (owner: string): OptionsError =>
  new OptionsError(
    `another sond with the owner mark "${owner}" works on this Open vSwitch; stop that one first, or give this one its own with --owner`,
  )

/** For a switch that is there to answer. Milliseconds. */
const answerTime = 2_000

/** Whether another daemon has the owner mark; false when that is not known soon: then the loop waits for the switch, and learns it. */
const hasTwin = async ({ switches }: Engines): Promise<boolean> => {
  const { promise: late, resolve } = Promise.withResolvers<boolean>()
  const cancel = clock.after(answerTime, () => {
    resolve(true)
  })
  const isOurs = await Promise.race([switches.claim().catch(() => true), late])
  cancel()
  return !isOurs
}

/**
 * Builds the daemon, runs it until it is asked to end, and takes it apart again, in the opposite order, however far it has come.
 * Services stay as they are, unless the call that ends everything was what asked.
 *
 * @returns the exit code
 * @throws LockedError when another daemon has the state directory
 * @throws OptionsError when it cannot run as it is asked to
 */
export const runDaemon = async (options: Options, version: string, baseLog: Log): Promise<number> => {
  const tracing = createTracing(baseLog)
  const { log } = tracing
  const end = listenForEnd(log)
  const { spec, stateDir, runDir } = options
  const owner = must(parseOwner(spec.owner), spec.owner)
  const { token, sapUnit } = await prepare(options)
  await mkdir(stateDir, { recursive: true, mode: 0o755 })
  await mkdir(runDir, { recursive: true, mode: 0o755 })

  await using closing = new AsyncDisposableStack()
  const lock = await acquireLock(stateDir)
  closing.defer(() => lock.release())
  let running: RunningEngines
  try {
    running = await startEngines(options, owner, log, end.signal)
  } catch (error) {
    if (end.signal.aborted) return await end.asked
    throw error
  }
  const { engines } = running
  closing.defer(() => running.stop())
  closing.defer(async () => {
    await Promise.allSettled([engines.containers.close(), engines.switches.close(), engines.links.close()])
  })

  const store = await createStore({ directory: stateDir, log })
  closing.defer(() => store.close())
  const metrics = createMetrics()
  const { context, board } = createLoopWorld({
    ...{ settings: spec, owner, sapUnit, running, store, observer: metrics, tracing, clock },
    poke: (name) => {
      controller.poke(name)
    },
  })
  const { watcher } = context
  closing.defer(() => watcher.close())
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
      log.info('ending with all services')
      await controller.terminate()
      end.ask(0)
    },
  })
  closing.defer(() => {
    backend.close()
  })
  closing.defer(() => controller.close())
  metrics.watch(() => ({
    depth: controller.depth(),
    instances: watcher.catalog().instances.size,
    ready: board.readyCount(),
    held: watcher.catalog().held?.objects.length ?? 0,
  }))
  const api = createApi({
    backend,
    listeners: spec.listen,
    token,
    insecureNoAuth: options.insecureNoAuth,
    version,
    log,
    metrics: metrics.registry,
    group: spec.api.group,
    uploadDirectory: `${stateDir}/uploads`,
    gatekeeper: { autoDeploy: spec.autoDeploy, autoDelete: spec.autoDelete },
  })
  closing.defer(() => api.close())

  // A twin is refused before anybody can take this daemon for a working one. But the API does not wait for engines that are
  // away: whoever waits can ask for what.
  if ((await end.unless(hasTwin(engines))) === true) throw twin(owner)
  if (end.signal.aborted) return await end.asked
  // Nor is anybody told that there is nothing only because the files have not been looked at.
  const looked = await end.unless(watcher.start().then(() => true))
  if (looked !== true) return await end.asked
  const addresses = await api.listen()
  log.info('listening', { listen: addresses })
  const refused = Promise.withResolvers<never>()
  const over = Promise.race([end.asked, refused.promise])
  over.catch(() => undefined) // it may come before it is waited for below
  controller.start(() => {
    refused.reject(twin(owner))
  })
  log.info('sond runs', { version, manifests: spec.manifests.directory, engines: spec.engines.mode })
  await notifySystemd('READY=1', process.env)
  closing.defer(keepWatchdog(clock, process.env))
  const code = await over
  log.info('ending')
  await notifySystemd('STOPPING=1', process.env)
  return code
}
