import { EngineError } from '../../model/errors.ts'
import type { ObservedFlow } from '../../model/actual.ts'
import { parseCookie, type BridgeName, type Cookie } from '../../model/names.ts'

/** The text of flows as `ovs-ofctl --names` prints and reads it. */

// Fields that `dump-flows` prints before the match and that are no part of it.
const counters = /^(?:cookie|duration|n_packets|n_bytes|idle_age|hard_age|priority)=/
// What a flow of ours never has; kept in the match, so that a flow altered to have it differs from the desired one.
const extras =
  /(?:^|,)(?:idle_timeout|hard_timeout|importance)=\d+|(?:^|,)(?:send_flow_rem|check_overlap|reset_counts|no_packet_counts|no_byte_counts)(?=,|$)/g
const defaultPriority = 32768

/** Splits at commas and blanks outside brackets: `a=1,b=f(2,3)` has two fields. */
const splitFields = (text: string): string[] => {
  const fields: string[] = []
  let depth = 0
  let start = 0
  for (let index = 0; index <= text.length; index += 1) {
    const char = text[index]
    if (char === '(') depth += 1
    else if (char === ')') depth -= 1
    else if (char === undefined || (depth === 0 && (char === ',' || char === ' '))) {
      if (index > start) fields.push(text.slice(start, index))
      start = index + 1
    }
  }
  return fields
}

/** Port names are printed in quotes where they could be read as something else; the canonical text has none. */
const unquote = (text: string): string => text.replaceAll('"', '')

/** A line of `dump-flows`; undefined when it is none of a flow with our mark. */
export const parseFlow = (bridge: BridgeName, line: string): ObservedFlow | undefined => {
  const at = line.indexOf(' actions=')
  if (at < 0) return undefined
  const fields = splitFields(unquote(line.slice(0, at)))
  const cookie = parseCookie(fields.find((field) => field.startsWith('cookie='))?.slice('cookie='.length) ?? '')
  if (cookie === undefined) return undefined
  const priority = fields.find((field) => field.startsWith('priority='))?.slice('priority='.length)
  return {
    bridge,
    cookie,
    priority: priority === undefined ? defaultPriority : Number(priority),
    match: fields.filter((field) => !counters.test(field) && field !== 'table=0').join(','),
    actions: unquote(line.slice(at + ' actions='.length).trim()),
  }
}

export const parseFlows = (bridge: BridgeName, dump: string): readonly ObservedFlow[] =>
  dump.split('\n').flatMap((line) => parseFlow(bridge, line) ?? [])

/** `cookie=VALUE/MASK` for all our flows, or those of one instance's number. */
export const cookieFilter = (instance: number | undefined): string => {
  const number = (instance ?? 0).toString(16).padStart(6, '0')
  return `cookie=0x50dd${number}000000/0xffff${instance === undefined ? '000000' : 'ffffff'}000000`
}

interface FlowText {
  readonly cookie: Cookie
  readonly priority: number
  readonly match: string
  readonly actions: string
}

// One line of a bundle is one change: nothing that could begin another line, a comment or another program's argument.
const safe = /^[A-Za-z0-9_.,:;=()[\]{}<>/*+|\-> ]*$/

const requireSafe = (text: string): string => {
  if (!safe.test(text)) throw new EngineError('REFUSED', { flow: text, reason: 'not a flow' })
  return text
}

const join = (...fields: string[]): string => fields.filter((field) => field !== '').join(',')

export const addLine = (flow: FlowText): string =>
  `add ${join(`cookie=${flow.cookie}`, `priority=${flow.priority}`, requireSafe(flow.match))},actions=${requireSafe(flow.actions)}`

/** Removes exactly that flow, and only while it bears that cookie. */
export const removeLine = (flow: FlowText): string => {
  const match = requireSafe(flow.match).replace(extras, '').replace(/^,/, '')
  return `delete_strict ${join(`cookie=${flow.cookie}/-1`, `priority=${flow.priority}`, match)}`
}

const portField = /(^|,)in_port=([^,]+)/

/** The port a match names, where it names one and not a number. */
export const inPortName = (match: string): string | undefined => {
  const name = portField.exec(match)?.[2]
  return name === undefined || /^\d+$|^[A-Z_]+$/.test(name) ? undefined : name
}

export const withPortNumber = (match: string, number: number): string => match.replace(portField, `$1in_port=${number}`)

/** The cookie in a line of `ovs-ofctl monitor BRIDGE watch:`; undefined when the line tells no change of ours. */
export const changedCookie = (line: string): Cookie | undefined => {
  const text = /^ event=(?:ADDED|MODIFIED|DELETED)\b.*?\bcookie=(0x[0-9a-f]+)/.exec(line)?.[1]
  return text === undefined ? undefined : parseCookie(text)
}
