import { EngineError } from '../../model/errors.ts'
import type { MemoryBridge, MemoryFlow } from './world.ts'

/** Flows as a switch keeps them: port numbers inside, names outside where a port has that number. */

const numberMark = '\u0001'
const portContext = /(in_port=|output:)"?([A-Za-z0-9._-]+)"?/g
const members = /(members:)([A-Za-z0-9._,"-]+)/g
const special: ReadonlySet<string> = new Set(['LOCAL', 'NORMAL', 'IN_PORT', 'ALL', 'FLOOD', 'CONTROLLER'])

const numberOf = (bridge: MemoryBridge, name: string): string => {
  if (special.has(name)) return name
  if (/^\d+$/.test(name)) return `${numberMark}${name}${numberMark}`
  const ofport = bridge.ports.get(name)?.ofport
  if (ofport === undefined) throw new EngineError('REFUSED', { bridge: bridge.name, port: name })
  return `${numberMark}${ofport}${numberMark}`
}

/** Names of ports become their numbers; a name that is no port with a number is refused. */
export const encode = (bridge: MemoryBridge, text: string): string =>
  text
    .replace(portContext, (_, context: string, name: string) => `${context}${numberOf(bridge, name)}`)
    .replace(members, (_, context: string, list: string) => {
      const numbers = list.split(',').map((name) => numberOf(bridge, name.replaceAll('"', '')))
      return `${context}${numbers.join(',')}`
    })

/** Undefined when a name is no port with a number. */
export const tryEncode = (bridge: MemoryBridge, text: string): string | undefined => {
  try {
    return encode(bridge, text)
  } catch {
    return undefined
  }
}

/** For texts of one bridge as it is now: numbers become names again, or stay numbers when no port has them any more. */
export const decoderOf = (bridge: MemoryBridge): ((text: string) => string) => {
  const nameOf = (number: string): string => {
    const name = bridge.numbers.get(number)
    return name !== undefined && String(bridge.ports.get(name)?.ofport) === number ? name : number
  }
  return (text) =>
    text
      .split(numberMark)
      .map((part, index) => (index % 2 === 1 ? nameOf(part) : part))
      .join('')
}

const sameRule = (a: MemoryFlow, b: MemoryFlow): boolean => a.priority === b.priority && a.match === b.match

/** A rule of the same match and priority makes way, whoever made it. */
export const withFlow = (flows: readonly MemoryFlow[], flow: MemoryFlow): MemoryFlow[] => [
  ...flows.filter((one) => !sameRule(one, flow)),
  flow,
]

/** Strict: same match, priority and cookie. */
export const withoutFlow = (flows: readonly MemoryFlow[], flow: MemoryFlow): MemoryFlow[] =>
  flows.filter((one) => !(sameRule(one, flow) && one.cookie === flow.cookie))
