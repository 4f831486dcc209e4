import type { DesiredContainer, Limits } from '../model/desired.ts'
import type { ObservedContainer } from '../model/actual.ts'
import type { ContainerName, ImageRef } from '../model/names.ts'
import type { Draft } from './draft.ts'
import type { Fate } from './fates.ts'
import { stepId } from './ids.ts'
import type { Survey } from './survey.ts'

const limitsDrift = (desired: Limits, actual: Limits): string | undefined => {
  const parts = (['cpuset', 'cpuPeriod', 'cpuQuota', 'memoryBytes'] as const)
    .filter((key) => desired[key] !== actual[key])
    .map((key) => `${key} ${actual[key] === '' ? 'any' : actual[key]} → ${desired[key] === '' ? 'any' : desired[key]}`)
  return parts.length === 0 ? undefined : `limits differ: ${parts.join(', ')}`
}

const hasStopScript = ({ state, scripts }: ObservedContainer): boolean =>
  state === 'running' && scripts.stop?.run === 'pending'

/** Fetches each image once, for all containers that are about to be created from it. */
export const planImages = (draft: Draft, { desired, actual, imageStep, linksOfContainer }: Survey): void => {
  const users = new Map<ImageRef, DesiredContainer[]>()
  for (const one of desired.containers) {
    if (imageStep(one.name) !== undefined) users.set(one.image, [...(users.get(one.image) ?? []), one])
  }
  for (const [image, containers] of users) {
    const names = containers.map((one) => one.name)
    const serves = { containers: names, links: [...new Set(names.flatMap(linksOfContainer))] }
    const id = stepId.image(image)
    const missing = !actual.images.has(image)
    const cause = missing ? 'image is not on this host' : 'image shall be pulled anew for every new container'
    const build = containers.map((one) => one.imageSource).find((source) => source.kind === 'build')
    if (build !== undefined) {
      draft.add({ kind: 'buildImage', id, image, package: build.package, folder: build.folder, cause, serves })
    } else {
      draft.add({ kind: 'pullImage', id, image, force: !missing, cause, serves })
    }
  }
}

/** Stop scripts of all containers that go for good, together. */
export const planStopScripts = (draft: Draft, { going, policy }: Survey): void => {
  const names = going.filter(hasStopScript).map((one) => one.name)
  if (names.length === 0) return
  const cause = names.length === 1 ? 'container is no longer wanted' : 'containers are no longer wanted'
  const serves = { containers: names }
  draft.add({ kind: 'runStopScripts', id: stepId.stopScripts(), names, waitMs: policy.stopWaitMs, cause, serves })
}

const planNew = (
  draft: Draft,
  { policy, imageStep }: Survey,
  container: DesiredContainer,
  fate: Extract<Fate, { kind: 'create' | 'recreate' }>,
  serves: { readonly containers: readonly ContainerName[] },
): void => {
  const { name } = container
  const { cause } = fate
  // The old one works on until its successor's image is there.
  const after = [imageStep(name)]
  if (fate.kind === 'recreate') {
    if (hasStopScript(fate.actual)) {
      const id = stepId.stopScripts(name)
      draft.add({ kind: 'runStopScripts', id, names: [name], waitMs: policy.stopWaitMs, after, cause, serves })
    }
    draft.add({
      kind: 'removeContainer',
      id: stepId.removeContainer(name),
      container: fate.actual,
      after: [...after, ...draft.steps.filter((step) => step.kind === 'changeFlows').map(({ id }) => id)],
      afterEnd: [stepId.stopScripts(name)],
      cause,
      serves,
    })
  }
  draft.add({
    kind: 'createContainer',
    id: stepId.createContainer(name),
    container,
    after: [...after, stepId.removeContainer(name)],
    cause,
    serves,
  })
}

/** Containers from what they are to running, with their limits. */
export const planContainers = (draft: Draft, survey: Survey): void => {
  for (const container of survey.desired.containers) {
    const { name, limits } = container
    const fate = survey.fates.get(name)
    if (fate === undefined || fate.kind === 'wait') continue
    const serves = { containers: [name], links: survey.linksOfContainer(name) }
    if (fate.kind === 'create' || fate.kind === 'recreate') {
      planNew(draft, survey, container, fate, serves)
    } else {
      const cause = fate.actual.unread === undefined ? limitsDrift(limits, fate.actual.limits) : undefined
      if (cause !== undefined) draft.add({ kind: 'updateLimits', id: stepId.limits(name), name, limits, cause, serves })
    }
    if (fate.kind !== 'keep') {
      const after = [stepId.createContainer(name), stepId.limits(name)]
      draft.add({ kind: 'startContainer', id: stepId.start(name), name, after, cause: fate.cause, serves })
    } else if (fate.actual.state === 'paused') {
      draft.add({ kind: 'unpauseContainer', id: stepId.unpause(name), name, cause: 'container is paused', serves })
    }
  }
}
