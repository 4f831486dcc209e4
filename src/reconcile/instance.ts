import { desireInstance, emptyState } from '../desired/desire.ts'
import type { DesireResult } from '../desired/result.ts'
import { effectiveSettings } from '../desired/settings.ts'
import type { ObservedContainer } from '../model/actual.ts'
import type { DesiredContainer, DesiredState } from '../model/desired.ts'
import type { InstanceSettings } from '../model/documents.ts'
import { isFetching } from '../model/errors.ts'
import type { ContainerName, DataCenterName, InstanceName } from '../model/names.ts'
import { isEmpty, type Plan } from '../model/plan.ts'
import type { InstanceStatus } from '../model/status.ts'
import { observe } from '../observe/observe.ts'
import { plan } from '../plan/plan.ts'
import { summarize } from '../status/summarize.ts'
import type { CatalogInstance } from '../watch/types.ts'
import type { LoopContext } from './context.ts'
import { converge, type Convergence } from './converge.ts'
import { logPlan, noteOutcome, policyOf, waitsOf } from './holds.ts'
import type { Turn } from './queue.ts'

/** An instance that shall have nothing: gone, or stopped. */
const nothing = (instance: InstanceName): DesiredState => emptyState({ kind: 'instance', instance })

const othersUsage = (context: LoopContext, self: InstanceName): DesireInputUsage => {
  const sum = new Map<DataCenterName, { cpu: number; memoryBytes: number }>()
  for (const [name, wish] of context.wishes) {
    if (name === self) continue
    for (const [dataCenter, usage] of wish.usage) {
      const before = sum.get(dataCenter) ?? { cpu: 0, memoryBytes: 0 }
      sum.set(dataCenter, { cpu: before.cpu + usage.cpu, memoryBytes: before.memoryBytes + usage.memoryBytes })
    }
  }
  return sum
}
type DesireInputUsage = ReadonlyMap<DataCenterName, { readonly cpu: number; readonly memoryBytes: number }>

/** What an instance shall be; undefined while its package is not there: then what runs is left as it is. */
const desire = (context: LoopContext, entry: CatalogInstance): DesireResult | undefined => {
  if (entry.package === undefined) return undefined
  const { document } = entry
  const { name } = document.metadata
  const catalog = context.watcher.catalog()
  return desireInstance({
    instance: document,
    package: entry.package.package,
    topology: {
      dataCenters: [...catalog.dataCenters.values()].map((one) => one.document),
      links: [...catalog.links.values()].map((one) => one.document),
    },
    settings: effectiveSettings(context.settings, document.spec.settings, context.sapUnit),
    owner: context.owner,
    host: context.host,
    ledger: context.book.view(),
    previous: context.book.of(name),
    othersUsage: othersUsage(context, name),
  })
}

/** The same, with the instance's share of the pools booked. */
export const wish = (context: LoopContext, entry: CatalogInstance): DesireResult | undefined => {
  const result = desire(context, entry)
  if (result === undefined) return undefined
  context.wishes.set(entry.document.metadata.name, result)
  if (result.allocation !== undefined) context.book.set(result.allocation)
  return result
}

/** How long its stop scripts may take, in milliseconds; of an instance without a document, what the last one said. */
const stopWait = (context: LoopContext, name: InstanceName, { stopWaitMs }: InstanceSettings = {}): number =>
  stopWaitMs ?? context.stopWaits.get(name) ?? context.settings.scripts.stopWaitMs

/** What a turn would do for this document now; nothing is booked or changed. */
export const preview = async (context: LoopContext, entry: CatalogInstance): Promise<Plan> => {
  const { metadata, spec } = entry.document
  const desired = spec.state === 'Stopped' ? nothing(metadata.name) : desire(context, entry)?.desired
  if (desired === undefined) return { scope: { kind: 'instance', instance: metadata.name }, steps: [], notices: [] }
  const actual = await observe(desired, context.engines, context.book.of(metadata.name)?.cookie ?? 0)
  return plan(desired, actual, policyOf(context, actual, desired, stopWait(context, metadata.name, spec.settings)))
}

const settledBefore = (status: InstanceStatus | undefined, generation: number): boolean =>
  status?.observedGeneration === generation &&
  status.conditions.some(({ type, status: value }) => (type === 'Ready' || type === 'Drifted') && value === 'True')

const runConverge = async (
  context: LoopContext,
  name: InstanceName,
  desired: DesiredState,
  act: boolean,
  turn: Turn,
  interim: (seen: Convergence) => void,
): Promise<Convergence> => {
  const containers = new Map<ContainerName, ObservedContainer>()
  const convergence = await converge(desired, {
    engines: context.engines,
    cookie: context.book.of(name)?.cookie ?? 0,
    act,
    look: () => {
      turn.look()
    },
    policy: (actual) => {
      for (const container of actual.containers) containers.set(container.name, container)
      return policyOf(context, actual, desired, stopWait(context, name))
    },
    acting: (seen) => {
      logPlan(context, { instance: name }, seen.plan)
      interim(seen)
    },
    ended: (outcome) => {
      noteOutcome(context, outcome)
    },
    buildContext: context.buildContext,
    onStopped: (container, output, waitMs) => {
      const run = containers.get(container)
      if (run !== undefined) context.scripts.stopped(run, output, waitMs)
    },
    signal: turn.signal,
  })
  await context.scripts.look(convergence.actual.containers)
  return convergence
}

/** An image under way is looked after so often, should its end go unheard. Milliseconds. */
const fetchLook = 10_000

/** Milliseconds after which the instance must be looked at again, if any. */
const lookAgain = (
  context: LoopContext,
  name: InstanceName,
  { plan, actual, policy, outcomes }: Convergence,
  containers: readonly DesiredContainer[],
): number | undefined => {
  const names = [...actual.containers.map((one) => one.name), ...policy.heldBack.keys()]
  const waits = [...waitsOf(context, names, containers)]
  const key = `instance/${name}`
  const failures = outcomes.flatMap((one) => (one.result === 'failed' ? [one.error] : []))
  if (isEmpty(plan)) context.troubles.succeed(key)
  // The end of the fetch asks for a look.
  else if (failures.length > 0 && failures.every(isFetching)) waits.push(fetchLook)
  else waits.push(context.troubles.fail(key, `${String(plan.steps.length)} steps are left`))
  return waits.length === 0 ? undefined : Math.min(...waits) + 1
}

/** One turn for an instance that has a document. */
export const turnInstance = async (
  context: LoopContext,
  entry: CatalogInstance,
  turn: Turn,
): Promise<number | undefined> => {
  const { metadata, spec } = entry.document
  const result = wish(context, entry)
  if (spec.settings.stopWaitMs === undefined) context.stopWaits.delete(metadata.name)
  else context.stopWaits.set(metadata.name, spec.settings.stopWaitMs)
  const previous = context.board.status(metadata.name)
  const warnOnly = spec.driftMode === 'Warn' && settledBefore(previous, entry.generation)
  const act = !spec.suspend && !warnOnly && (result !== undefined || spec.state === 'Stopped')
  const stopped = spec.state === 'Stopped'
  const desired = stopped ? nothing(metadata.name) : result?.desired
  const tell = (seen: Convergence | undefined): void => {
    context.board.setStatus(
      metadata.name,
      summarize({
        entry,
        previous,
        result: stopped ? undefined : result,
        convergence: seen,
        acted: act,
        restarts: context.restarts,
        now: new Date(context.clock.now()).toISOString(),
      }),
    )
  }
  const convergence =
    desired === undefined ? undefined : await runConverge(context, metadata.name, desired, act, turn, tell)
  if (stopped && convergence !== undefined && isEmpty(convergence.plan)) {
    context.book.release(metadata.name)
    context.wishes.delete(metadata.name)
  }
  tell(convergence)
  for (const { code, severity, message } of result?.notices ?? [])
    context.board.say(`instance/${metadata.name}`, severity === 'warning' ? 'Warning' : 'Normal', code, message)
  if (convergence === undefined || !act) return undefined
  return lookAgain(context, metadata.name, convergence, desired?.containers ?? [])
}

/** One turn for an instance whose document is gone: everything of it goes. */
export const turnGone = async (
  context: LoopContext,
  name: InstanceName,
  turn: Turn,
): Promise<{ readonly gone: boolean; readonly again: number | undefined }> => {
  const convergence = await runConverge(context, name, nothing(name), true, turn, () => undefined)
  const gone = isEmpty(convergence.plan)
  if (gone) {
    for (const { name: container } of convergence.actual.containers) context.crashes.forget(container)
    context.book.release(name)
    context.wishes.delete(name)
    context.stopWaits.delete(name)
    context.scripts.forget(name)
    context.board.drop(name)
  }
  return { gone, again: gone ? undefined : lookAgain(context, name, convergence, []) }
}
