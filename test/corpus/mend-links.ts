import type { FunctionInterface, ServicePackage } from '../../src/model/package.ts'
import { cleanInterfaceName } from '../../src/parse/interface-name.ts'
import type { LanOutcome, LineOutcome, Mend, Outcome } from './outcome.ts'

/** What a reference means, told from the package alone. */
type Target =
  | { readonly kind: 'interface'; readonly key: string; readonly declared: boolean; readonly sap: boolean }
  | { readonly kind: 'external'; readonly name: string }
  | { readonly kind: 'unknown interface' }
  | { readonly kind: 'nothing' }

interface Segment {
  /** Third octet. */
  readonly third: number
  readonly second: number
  /** Addresses given and used up. */
  used: number
}

const unitName = (pack: ServicePackage, vnfId: string, item: FunctionInterface): string => {
  const several = pack.service.functions.some((other) => other.vnfId === vnfId && other.descriptor.units.length > 1)
  return several ? `${vnfId}.${item.unit}` : vnfId
}

export const targetOf = (pack: ServicePackage, raw: string, deploySaps: boolean): Target => {
  const [owner = '', port = owner] = raw.split(':')
  const found = pack.service.functions.find((item) => item.vnfId === owner)
  const cleaned = cleanInterfaceName(port) ?? port
  const own = found?.descriptor.interfaces.find((item) => item.name === cleaned)
  if (own !== undefined) {
    const key = `${unitName(pack, owner, own)}:${own.name}`
    return { kind: 'interface', key, declared: own.id === port, sap: false }
  }
  const point = pack.service.accessPoints.find((item) => item.name === raw.replace(':', '_'))
  if (deploySaps && point !== undefined && point.type !== 'none') {
    return point.type === 'external'
      ? { kind: 'external', name: point.name }
      : {
          kind: 'interface',
          key: `${point.name}:${point.interfaceName}`,
          declared: point.interfaceName === port,
          sap: true,
        }
  }
  return found === undefined ? { kind: 'nothing' } : { kind: 'unknown interface' }
}

const prefixFor = (segment: Segment, least: number): number =>
  Math.min(least, 32 - Math.ceil(Math.log2(segment.used + 2)))

/**
 * The predecessor's way of handing out addresses with sond's rules put in. Fills `outcome` only when a rule found its case, or when
 * `force` says that the original computed nothing.
 */
export const mendLinks = (
  original: Outcome,
  pack: ServicePackage,
  deploySaps: boolean,
  force: boolean,
): readonly Mend[] => {
  const outcome = structuredClone(original)
  const mends: Mend[] = []
  const mend = (rule: string, where: string): void => void mends.push({ rule, where })
  const segments = new Map<string, Segment>()
  const held = new Map<string, { readonly segment: string; readonly host: number }>()
  const pairs = new Map<string, string>()

  const sapOrder = pack.service.accessPoints
    .filter((point) => point.type === 'external')
    .filter((point) =>
      pack.service.links.some((link) => link.ends.some((end) => end.raw.replace(':', '_') === point.name)),
    )
  if (deploySaps)
    for (const [index, point] of sapOrder.entries())
      segments.set(`sap ${point.name}`, { second: 10, third: index, used: 1 })

  const give = (key: string, segment: string, host: number): void => {
    held.set(key, { segment, host })
    const owner = segments.get(segment)
    if (owner !== undefined) owner.used = Math.max(owner.used, host)
  }
  let lines = 0
  let lans = 0
  const lineSegment = new Map<LineOutcome, string>()
  const lineEnds = new Map<LineOutcome, readonly Target[]>()
  for (const line of outcome.lines) {
    const ends = line.references.slice(0, 2).map((raw) => targetOf(pack, raw, deploySaps))
    lineEnds.set(line, ends)
    const where = `${line.id} (${line.references.join(' - ')})`
    if (line.references.length > 2) mend('E-Line with more than two ends: the first two', where)
    const saps = ends.every((end) => end.kind === 'external' || (end.kind === 'interface' && end.sap))
    if (saps) {
      mend('two SAPs on one E-Line: not chained', where)
      line.skipped = 'SAPS_ONLY'
    } else if (ends.some((end) => end.kind === 'unknown interface' || end.kind === 'nothing')) {
      if (ends.some((end) => end.kind === 'unknown interface')) {
        mend('an interface that the function does not have: link skipped, not a failed start', where)
      }
      line.skipped = 'END_MISSING'
    } else line.skipped = ''
    if (line.skipped !== '') continue
    if (ends.some((end) => end.kind === 'interface' && !end.declared)) {
      mend('interface names are cleaned for declarations and references alike', where)
    }
    const keys = ends.map((end) =>
      end.kind === 'interface' ? end.key : end.kind === 'external' ? `sap ${end.name}` : '',
    )
    const pair = keys.toSorted().join(' ')
    const back = pairs.get(pair)
    if (back !== undefined) {
      mend('the E-Line for the way back shares the subnet, addresses stay', where)
      lineSegment.set(line, back)
      continue
    }
    const fresh = ends.flatMap((end) => (end.kind === 'interface' && !held.has(end.key) ? [end.key] : []))
    const interfaces = ends.filter((end) => end.kind === 'interface').length
    if (fresh.length < interfaces) mend('an interface keeps its first address', where)
    const sap = keys.find((key) => key.startsWith('sap '))
    if (sap === undefined && fresh.length === 0) continue
    const segment = sap ?? `line ${line.id}`
    if (sap === undefined) segments.set(segment, { second: 30, third: lines++, used: 2 })
    else if (fresh.length > 0 && (segments.get(sap)?.used ?? 0) > 1)
      mend('several E-Lines to one external SAP: every peer has its own address', where)
    pairs.set(pair, segment)
    lineSegment.set(line, segment)
    for (const key of fresh) {
      give(key, segment, sap === undefined ? keys.indexOf(key) + 1 : (segments.get(segment)?.used ?? 1) + 1)
    }
  }

  const lanSegment = new Map<LanOutcome, string>()
  const spent = new Map<LanOutcome['members'][number], { readonly segment: string; readonly host: number }>()
  for (const lan of outcome.lans) {
    const targets = lan.references.map((raw) => ({ raw, target: targetOf(pack, raw, deploySaps) }))
    const external = targets.find((item) => item.target.kind === 'external')?.target
    const segment = external?.kind === 'external' ? `sap ${external.name}` : `lan ${lan.id}`
    if (external === undefined) segments.set(segment, { second: 20, third: lans++, used: 0 })
    else mend('an E-LAN with an external SAP: the subnet has room for all, the SAP keeps the first address', lan.id)
    lanSegment.set(lan, segment)
    const owner = segments.get(segment)
    lan.members = targets.flatMap(({ raw, target }) => {
      if (target.kind === 'external' || owner === undefined) return []
      owner.used += 1
      const member = { reference: raw, present: target.kind === 'interface', address: '' }
      spent.set(member, { segment, host: owner.used })
      if (target.kind === 'unknown interface')
        mend('an interface that the function does not have: the rest of the E-LAN is wired', `${lan.id} ${raw}`)
      if (target.kind === 'interface') {
        if (!target.declared)
          mend('interface names are cleaned for declarations and references alike', `${lan.id} ${raw}`)
        const before = held.get(target.key)
        if (before === undefined) give(target.key, segment, owner.used)
        else {
          mend('an interface keeps its first address', `${lan.id} ${raw}`)
          spent.set(member, before)
        }
      }
      return [member]
    })
  }
  for (const { vnfId, descriptor } of pack.service.functions) {
    for (const link of descriptor.internalLinks) {
      mend('units of a function are linked', `${vnfId} ${link.id}`)
      const keys = link.ends.map((end) => `${vnfId}.${end.owner}:${end.interface}`)
      const segment = `${link.type === 'E-Line' ? 'line' : 'lan'} ${vnfId}/${link.id}`
      const line = link.type === 'E-Line'
      segments.set(segment, { second: line ? 30 : 20, third: line ? lines++ : lans++, used: 0 })
      for (const [index, key] of keys.entries()) give(key, segment, index + 1)
    }
  }
  if (mends.length === 0 && !force) return mends

  const least = (key: string): number => (key.startsWith('lan ') ? 24 : 30)
  const network = (key: string): { base: string; prefix: number } => {
    const segment = segments.get(key) ?? { second: 0, third: 0, used: 0 }
    return { base: `10.${segment.second}.${segment.third}`, prefix: prefixFor(segment, least(key)) }
  }
  const addressAt = (key: string, host: number): string => `${network(key).base}.${host}/${network(key).prefix}`
  const subnet = (key: string | undefined): string => (key === undefined ? '' : addressAt(key, 0))
  for (const line of outcome.lines) {
    line.subnet = line.skipped === '' ? subnet(lineSegment.get(line)) : ''
    line.addresses =
      line.skipped === ''
        ? (lineEnds.get(line) ?? []).map((end) => {
            if (end.kind === 'external') return addressAt(`sap ${end.name}`, 1)
            const own = end.kind === 'interface' ? held.get(end.key) : undefined
            return own === undefined ? '' : addressAt(own.segment, own.host)
          })
        : []
  }
  for (const lan of outcome.lans) {
    lan.subnet = subnet(lanSegment.get(lan))
    for (const member of lan.members) {
      const own = spent.get(member)
      member.address = own === undefined || !member.present ? '' : addressAt(own.segment, own.host)
    }
  }
  outcome.addresses = new Map([...held].map(([key, own]) => [key, addressAt(own.segment, own.host)]))
  outcome.externalSaps = new Map(
    [...segments.keys()]
      .filter((key) => key.startsWith('sap '))
      .map((key) => [key.slice('sap '.length), { address: addressAt(key, 1), subnet: subnet(key) }]),
  )
  Object.assign(original, outcome)
  return mends
}
