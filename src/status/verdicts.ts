import type { DesireResult } from '../desired/result.ts'
import type { ObservedContainer } from '../model/actual.ts'
import { formatDiagnostic, isError } from '../model/diagnostics.ts'
import { isFetching } from '../model/errors.ts'
import type { ContainerName } from '../model/names.ts'
import type { LinkStatus } from '../model/status.ts'
import { no, sentences, someOf, unknown, yes, type Verdict } from './conditions.ts'
import { containerProblem, healthProblem } from './functions.ts'
import type { InstanceEntry, PassResult } from './input.ts'
import { isMissed } from './links.ts'

/** The conditions that each tell of one part of an instance. */

export const acceptedVerdict = ({
  accepted,
  diagnostics,
}: Pick<InstanceEntry, 'accepted' | 'diagnostics'>): Verdict => {
  if (accepted) return yes('Valid')
  const errors = diagnostics.filter(isError)
  const reason = errors.some(({ code }) => code === 'FILE_MISSING') ? 'FileMissing' : 'Invalid'
  return no(reason, sentences(errors.map(formatDiagnostic), 5))
}

export const packageVerdict = ({ package: found, document }: InstanceEntry): Verdict => {
  if (found !== undefined) {
    const { vendor, name, version } = found.package
    return yes('Found', `${vendor}/${name}:${version} (${found.digest})`)
  }
  const wanted = document.spec.packageText
  return no(
    'PackageNotFound',
    `no package ${wanted} is onboarded; drop its .son below the watched directory, or mend spec.package`,
  )
}

const warnings = ({ notices }: DesireResult, ...codes: readonly string[]): readonly string[] =>
  notices.filter(({ code }) => codes.includes(code)).map(({ message }) => message)

/** What became last of the fetch of an image in this pass. */
const fetchOf = (image: string, { outcomes }: PassResult): Error | undefined => {
  const last = outcomes.findLast(
    (one) => (one.step.kind === 'pullImage' || one.step.kind === 'buildImage') && one.step.image === image,
  )
  return last?.result === 'failed' ? last.error : undefined
}

export const imagesVerdict = (result: DesireResult, pass: PassResult): Verdict => {
  const { actual, plan, policy } = pass
  const refused = warnings(result, 'IMAGE_REFUSED')
  if (refused.length > 0) return no('ImageRefused', sentences(refused))
  const absent = warnings(result, 'IMAGE_MISSING', 'IMAGE_NEEDS_BUILD')
  const wanted = new Map(result.desired.containers.map((one) => [one.image, one]))
  const inUse = new Set(actual.containers.map(({ image }) => image))
  const missing = [...wanted].filter(([image]) => !actual.images.has(image) && !inUse.has(image))
  const coming: string[] = []
  const problems: string[] = []
  for (const [image, { name }] of missing) {
    const error = fetchOf(image, pass)
    // What holds it back says also when it is tried again.
    const why = policy.heldBack.get(name) ?? error?.message
    if (error !== undefined && isFetching(error)) coming.push(`${image}: ${error.message}`)
    else if (why !== undefined) problems.push(`${image}: ${why}`)
  }
  if (absent.length + problems.length > 0) return no('ImageUnavailable', sentences([...absent, ...problems]))
  if (coming.length > 0) return no('Fetching', sentences(coming))
  if (missing.length === 0) return yes('Present')
  const names = someOf(missing.map(([image]) => image))
  const isPlanned = plan.steps.some(({ kind }) => kind === 'pullImage' || kind === 'buildImage')
  return no(isPlanned ? 'Fetching' : 'NotPresent', `waiting for ${names}`)
}

export const placedVerdict = (result: DesireResult): Verdict => {
  const nowhere = 'it has no data center'
  const homeless = [
    ...result.functions
      .filter(({ dataCenter }) => dataCenter === undefined)
      .map(({ container, problem = nowhere }) => `${container}: ${problem}`),
    ...result.saps
      .filter(({ dataCenter }) => dataCenter === undefined)
      .map(({ name, copy, problem = nowhere }) => `SAP ${name} of copy ${copy}: ${problem}`),
  ]
  if (homeless.length > 0) return no('Unplaceable', sentences(homeless))
  return yes('Placed', sentences(warnings(result, 'DATA_CENTER_GONE', 'DATA_CENTER_UNKNOWN')))
}

type Look = (name: ContainerName, observed: ObservedContainer | undefined) => string | undefined

/** Containers of that role that are not as they shall be, each with why. */
const unwell = (result: DesireResult, { actual }: PassResult, role: 'vnf' | 'sap', look: Look): readonly string[] => {
  const observed = new Map(actual.containers.map((one) => [one.name, one]))
  return result.functions
    .filter((one) => one.role === role)
    .flatMap((one) => {
      const problem = look(one.container, observed.get(one.container))
      return problem === undefined ? [] : [`${one.container}: ${problem}`]
    })
}

/** Those that shall run and do not. */
const notRunning = (result: DesireResult, pass: PassResult, role: 'vnf' | 'sap'): readonly string[] => {
  const planned = new Map(result.functions.map(({ container, problem }) => [container, problem]))
  return unwell(result, pass, role, (name, observed) => planned.get(name) ?? containerProblem(name, observed, pass))
}

export const containersVerdict = (result: DesireResult, pass: PassResult): Verdict => {
  const total = result.functions.filter(({ role }) => role === 'vnf').length
  const problems = notRunning(result, pass, 'vnf')
  const sick = unwell(result, pass, 'vnf', (_, observed) => healthProblem(observed))
  const count = `${total - problems.length} of ${total} run`
  if (problems.length + sick.length === 0) return yes('Running', count)
  const told = `${count}; ${sentences([...problems, ...sick])}`
  if (problems.length === 0) return no('Unhealthy', told)
  const held = result.functions.some(({ container }) => pass.policy.heldBack.has(container))
  return no(held ? 'HeldBack' : 'NotRunning', told)
}

export const linksVerdict = (result: DesireResult, links: readonly LinkStatus[]): Verdict => {
  const broken: string[] = []
  const left: string[] = []
  const lacking: string[] = []
  for (const [index, link] of result.links.entries()) {
    const status = links[index]
    if (status === undefined || status.reason === '') continue
    const text = `${link.id}${link.copy > 0 ? ` of copy ${link.copy}` : ''}: ${status.reason}`
    if (status.chained) lacking.push(text)
    else if (link.skipped === undefined || isMissed(link)) broken.push(text)
    else left.push(text)
  }
  const chained = links.filter((link) => link.chained).length
  const count = `${chained} of ${links.length - left.length} chained`
  if (broken.length > 0) return no('NotChained', `${count}; ${sentences([...broken, ...lacking])}`)
  if (lacking.length > 0) return no('ReplicaMissing', `${count}; ${sentences(lacking)}`)
  if (left.length > 0) return yes('SomeLeftOut', `${count}; left out: ${sentences(left)}`)
  return links.length === 0 ? yes('NoLinks') : yes('Chained', count)
}

export const sapsVerdict = (result: DesireResult, pass: PassResult): Verdict => {
  const { saps, desired } = result
  if (saps.length === 0) return yes('NoSaps')
  const problems = [
    ...saps.flatMap(({ name, problem }) => (problem === undefined ? [] : [`${name}: ${problem}`])),
    ...notRunning(result, pass, 'sap'),
  ]
  const bridges = new Map(pass.actual.bridges.map((one) => [one.name, one]))
  for (const { name, role, address, nat } of desired.bridges) {
    if (role !== 'sap') continue
    const found = bridges.get(name)
    if (found?.live !== true) problems.push(`switch ${name} is not there`)
    else if (address !== undefined && !found.addresses.includes(address))
      problems.push(`switch ${name} has no address ${address}`)
    const rule = pass.actual.natRules.find((one) => one.bridge === name && one.subnet === nat)
    if (nat !== undefined && rule === undefined) problems.push(`${nat} is not translated to the outside`)
    else if (rule?.broken !== undefined) problems.push(`${nat} has no way to the outside: ${rule.broken}`)
  }
  return problems.length === 0
    ? yes('Attached', `${saps.length} of ${saps.length}`)
    : no('NotAttached', sentences(problems))
}

/** Where nothing could be looked at. */
export const notLooked = unknown('NotObserved', 'not looked at yet')
