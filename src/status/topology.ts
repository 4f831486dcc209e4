import type { DesiredState } from '../model/desired.ts'
import type { DataCenter, Link } from '../model/documents.ts'
import { externalIds } from '../model/ownership.ts'
import { askedOf, lackingOf } from '../model/shaping.ts'
import type { TopologyStatus } from '../model/status.ts'
import { no, sentences, someOf, stampConditions, unknown, yes, type Verdict } from './conditions.ts'
import { failureText } from './functions.ts'
import type { InstanceEntry, PassResult } from './input.ts'
import { acceptedVerdict } from './verdicts.ts'

/** What the catalog says of a data center or a link. */
interface Entry<D> extends Pick<InstanceEntry, 'generation' | 'accepted' | 'diagnostics'> {
  readonly document: D
}

/** A pass for the fabric. */
export interface FabricPass extends Pick<PassResult, 'actual' | 'plan' | 'outcomes' | 'nextTry'> {
  readonly desired: DesiredState
}

type Previous = TopologyStatus | undefined

/** What is left to do about these names, each with its error where it was tried. */
const troublesWith = (names: readonly string[], { plan, outcomes, nextTry }: FabricPass): readonly string[] => {
  const isAbout = (id: string): boolean => names.some((name) => id.endsWith(`:${name}`))
  return plan.steps
    .filter(({ id }) => isAbout(id))
    .map(({ id, cause }) => {
      const failed = outcomes.findLast((one) => one.step.id === id)
      return `${id}: ${failed?.result === 'failed' ? failureText(failed.error, nextTry) : cause}`
    })
}

const conflictsOn = (names: readonly string[], { actual }: FabricPass): readonly string[] =>
  actual.conflicts
    .filter(({ name }) => names.includes(name))
    .map(({ kind, name, holder }) => `${kind} ${name} is not ours (${holder}); rename or remove it`)

const switchVerdict = (bridge: string, pass: FabricPass): Verdict => {
  const problems = [...conflictsOn([bridge], pass), ...troublesWith([bridge], pass)]
  return problems.length === 0 ? yes('SwitchUp', `switch ${bridge}`) : no('SwitchMissing', sentences(problems))
}

/** The status of a data center after a pass for the fabric. Pure. */
export const summarizeDataCenter = (
  entry: Entry<DataCenter>,
  pass: FabricPass,
  previous: Previous,
  now: string,
): TopologyStatus => {
  const { name } = entry.document.metadata
  const bridge = pass.desired.bridges.find(({ dataCenter }) => dataCenter === name)?.name
  const ready =
    bridge === undefined ? yes('NotInUse', 'its switch is made with its first function') : switchVerdict(bridge, pass)
  return {
    observedGeneration: entry.generation,
    conditions: stampConditions(
      ['Ready', 'Accepted'],
      { Ready: ready, Accepted: acceptedVerdict(entry) },
      previous?.conditions ?? [],
      entry.generation,
      now,
    ),
  }
}

/** The ports and the name under which a link is in the desired state; undefined when an end of it is nowhere. */
const joinOf = (name: string, { desired }: FabricPass) => {
  const all = [...desired.trunks, ...desired.patches]
  return all.find(({ ends }) => ends[0].externalIds[externalIds.link] === name)
}

const joinedVerdict = ({ metadata: { name }, spec: { endpoints } }: Link, pass: FabricPass): Verdict => {
  const join = joinOf(name, pass)
  if (join === undefined) {
    const known = new Set(pass.desired.bridges.map(({ dataCenter }) => dataCenter))
    const unknown = endpoints.filter((end) => !known.has(end))
    const there = [...known].sort()
    return no(
      'DataCenterUnknown',
      `there is no data center ${unknown.join(', nor ')}; declared or in use: ${someOf(there, 5) || 'none'}`,
    )
  }
  const ports = join.ends.map(({ port }) => port)
  const problems = [...conflictsOn(ports, pass), ...troublesWith([...ports, name], pass)]
  if (problems.length > 0) return no('NotJoined', sentences(problems))
  const kind = 'shaping' in join ? 'a veth pair' : 'patch ports'
  return yes('Joined', `${endpoints.join(' and ')} are joined by ${kind}`)
}

const shapedVerdict = ({ metadata: { name }, spec }: Link, pass: FabricPass): Verdict => {
  const asked = askedOf(spec)
  if (asked.length === 0) return yes('NotAsked')
  const { shapers } = pass.actual
  if (joinOf(name, pass) === undefined || shapers === undefined) return unknown('NotJoined', 'the link is not there')
  const lacking = lackingOf(spec, shapers)
  if (lacking.length > 0) {
    const needs =
      shapers.has('tbf') || lacking.some((part) => part !== 'bandwidth') ? 'netem (sch_netem)' : 'tbf (sch_tbf)'
    const rest = asked.filter((part) => !lacking.includes(part))
    const done = rest.length === 0 ? 'frames pass unshaped' : `${rest.join(', ')} is in force`
    return no('KernelLacksShaper', `no ${lacking.join(', no ')}: the kernel has no ${needs}; ${done}`)
  }
  const left = troublesWith([name], pass)
  return left.length === 0 ? yes('InForce', asked.join(', ')) : no('NotInForce', sentences(left))
}

/** The status of a link after a pass for the fabric. Pure. A link that is not shaped as asked joins all the same, and says so. */
export const summarizeLink = (
  entry: Entry<Link>,
  pass: FabricPass,
  previous: Previous,
  now: string,
): TopologyStatus => {
  const { document, generation } = entry
  return {
    observedGeneration: generation,
    conditions: stampConditions(
      ['Ready', 'Accepted', 'Shaped'],
      { Ready: joinedVerdict(document, pass), Accepted: acceptedVerdict(entry), Shaped: shapedVerdict(document, pass) },
      previous?.conditions ?? [],
      generation,
      now,
    ),
  }
}
