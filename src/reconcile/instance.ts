import { desireInstance, emptyState } from '../desired/desire.ts'
import { addUsage, noUsage } from '../desired/place.ts'
import type { DesireInput, DesireResult, OthersUsage } from '../desired/result.ts'
import { effectiveSettings } from '../desired/settings.ts'
import type { ObservedContainer } from '../model/actual.ts'
import type { DesiredContainer, DesiredState } from '../model/desired.ts'
import type { InstanceSettings } from '../model/documents.ts'
import type { ContainerName, DataCenterName, InstanceName } from '../model/names.ts'
import { isEmpty, type Plan } from '../model/plan.ts'
import { observe } from '../observe/observe.ts'
import { plan } from '../plan/plan.ts'
import { summarize } from '../status/summarize.ts'
import { summarizeUnseen } from '../status/unseen.ts'
import type { CatalogInstance } from '../watch/types.ts'
import type { LoopContext, Note } from './context.ts'
import { converge, type Convergence } from './converge.ts'
import { isOf, logPlan, noteOutcome, policyOf, waitsOf } from './holds.ts'
import { instanceKey } from './keys.ts'
import { retryAfter, tellSteps, waitingSteps, withWaiting } from './outcomes.ts'
import type { Turn } from './queue.ts'

/** An instance that shall have nothing: gone, or stopped. */
const nothing = (instance: InstanceName): DesiredState => emptyState({ kind: 'instance', instance })

/** Empty where no data center's capacity is limited: then nothing asks for it. */
const othersUsage = (context: LoopContext, self: InstanceName): NonNullable<DesireInput['othersUsage']> => {
  const sum = new Map<DataCenterName, OthersUsage>()
  const { dataCenters } = context.watcher.catalog()
  if (dataCenters.values().every(({ document: { spec } }) => Object.keys(spec.capacity).length === 0)) return sum
  for (const [name, wish] of context.wishes) {
    if (name === self) continue
    for (const [dataCenter, usage] of wish.usage) {
      const before = sum.get(dataCenter) ?? { ...noUsage, holders: [] }
      sum.set(dataCenter, { ...addUsage(before, usage), holders: [...before.holders, `instance ${name}`] })
    }
  }
  return sum
}

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

/** Books the instance's share of the pools, and what it needs of the fabric. */
const book = (context: LoopContext, name: InstanceName, result: DesireResult): void => {
  context.wishes.set(name, result)
  if (result.allocation !== undefined) context.book.set(result.allocation)
}

/** Books what an instance that shall run needs, before its first turn. */
export const bookAhead = (context: LoopContext, entry: CatalogInstance): void => {
  const { metadata, spec } = entry.document
  if (spec.state !== 'Running' || spec.suspend) return
  const result = desire(context, entry)
  if (result !== undefined) book(context, metadata.name, result)
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
  const policy = policyOf(context, actual, desired, stopWait(context, metadata.name, spec.settings))
  const failedSteps = new Set(waitingSteps(context, instanceKey(metadata.name)).keys())
  return plan(desired, actual, { ...policy, failedSteps })
}

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
    applied: (outcomes) => {
      tellSteps(context, `instance/${name}`, outcomes)
    },
    buildContext: context.buildContext,
    stale: () => turn.stale(),
    waiting: waitingSteps(context, instanceKey(name)),
    onStopped: (container, output, waitMs) => {
      const run = containers.get(container)
      if (run !== undefined) context.scripts.stopped(run, output, waitMs)
    },
    signal: turn.signal,
  })
  await context.scripts.look(convergence.actual.containers)
  return convergence
}

/** Milliseconds after which the instance must be looked at again, if any. */
const lookAgain = (
  context: LoopContext,
  name: InstanceName,
  seen: Convergence,
  containers: readonly DesiredContainer[],
): number | undefined => {
  const retry = retryAfter(context, instanceKey(name), seen)
  const names = [...seen.actual.containers.map((one) => one.name), ...seen.policy.heldBack.keys()]
  const waits = [...waitsOf(context, names, containers)]
  if (retry !== undefined) waits.push(retry)
  return waits.length === 0 ? undefined : Math.min(...waits) + 1
}

/** What is remembered of containers that neither are nor shall be any more, and of failures that are over. */
const forgetContainers = (context: LoopContext, name: InstanceName, known: ReadonlySet<string>): void => {
  const isOurs = isOf(context.owner, name)
  context.crashes.forget((container) => isOurs(container) && !known.has(container))
  context.scriptRetries.forget((container) => isOurs(container) && !known.has(container))
  context.failures.forget(
    (container) => isOurs(container) && (!known.has(container) || context.failures.waiting(container) === undefined),
  )
}

/** Nothing of the instance is left, or shall be: what it held is free. */
const release = (context: LoopContext, name: InstanceName): void => {
  context.book.release(name)
  context.wishes.delete(name)
}

const nowText = ({ clock }: LoopContext): string => new Date(clock.now()).toISOString()

const notesOf = (result: DesireResult | undefined): readonly Note[] =>
  (result?.notices ?? []).map(({ code, severity, message }) => ({
    type: severity === 'warning' ? 'Warning' : 'Normal',
    reason: code,
    message,
  }))

/** One turn for an instance that has a document. */
export const turnInstance = async (
  context: LoopContext,
  entry: CatalogInstance,
  turn: Turn,
): Promise<number | undefined> => {
  const { metadata, spec } = entry.document
  const { name } = metadata
  const stopped = spec.state === 'Stopped'
  const result = stopped ? undefined : desire(context, entry)
  if (spec.settings.stopWaitMs === undefined) context.stopWaits.delete(name)
  else context.stopWaits.set(name, spec.settings.stopWaitMs)
  // Remembered, not read off the conditions of now: what is neither ready nor drifted (a container that the engine is removing, an
  // engine that was away) would look like a generation that is still to be put in place.
  const settled = context.board.inPlace(name) === entry.generation
  const warnOnly = spec.driftMode === 'Warn' && settled
  const act = !spec.suspend && !warnOnly && (result !== undefined || stopped)
  // What is only looked at keeps what it holds, whatever its document says now.
  const isHeld = !act && !context.wishes.has(name) && context.book.of(name) !== undefined
  if (result !== undefined && act) book(context, name, result)
  else if (result !== undefined && isHeld) context.wishes.set(name, result)
  const desired = stopped ? nothing(name) : result?.desired
  const tell = (seen: Convergence | undefined): void => {
    context.board.setStatus(
      name,
      summarize({
        entry,
        previous: context.board.status(name),
        result,
        convergence: seen,
        settled,
        acted: act,
        restarts: context.restarts,
        now: nowText(context),
      }),
    )
  }
  const seen = desired === undefined ? undefined : await runConverge(context, name, desired, act, turn, tell)
  // A turn that was cut off tells nothing: what it left undone is no trouble of the service's.
  if (turn.signal.aborted) return undefined
  if (stopped && seen !== undefined && isEmpty(seen.plan)) release(context, name)
  const settle = (): number | undefined => {
    if (seen === undefined || !act) {
      context.troubles.succeed(instanceKey(name))
      context.stuck.delete(instanceKey(name))
      return undefined
    }
    if (turn.stale()) return undefined
    if (isEmpty(seen.plan)) {
      const known = [...seen.actual.containers, ...(desired?.containers ?? [])].map((one) => one.name)
      forgetContainers(context, name, new Set(known))
    }
    return lookAgain(context, name, seen, desired?.containers ?? [])
  }
  const again = settle()
  tell(seen && withWaiting(context, instanceKey(name), seen))
  context.board.sayAll(`instance/${name}`, notesOf(result))
  return again
}

/** Says of an instance that its turns fail: nothing of it is known now. */
export const tellUnseen = (context: LoopContext, entry: CatalogInstance, problem: string): void => {
  const { name } = entry.document.metadata
  const previous = context.board.status(name)
  context.board.setStatus(name, summarizeUnseen({ entry, previous, problem, now: nowText(context) }))
}

/** One turn for an instance that shall be no more: everything of it goes. */
export const turnGone = async (
  context: LoopContext,
  name: InstanceName,
  turn: Turn,
): Promise<{ readonly gone: boolean; readonly again: number | undefined }> => {
  context.board.leave(name)
  const seen = await runConverge(context, name, nothing(name), true, turn, () => undefined)
  // Its document may have come back meanwhile.
  if (turn.signal.aborted || turn.stale()) return { gone: false, again: undefined }
  const again = lookAgain(context, name, seen, [])
  if (!isEmpty(seen.plan)) return { gone: false, again }
  forgetContainers(context, name, new Set())
  release(context, name)
  context.stopWaits.delete(name)
  context.scripts.forget(name)
  context.board.drop(name)
  return { gone: true, again: undefined }
}
