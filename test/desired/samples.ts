import { desireInstance } from '../../src/desired/desire.ts'
import type { DesireInput, DesireResult, PlannedLink } from '../../src/desired/result.ts'
import { type EffectiveSettings, effectiveSettings } from '../../src/desired/settings.ts'
import type { Allocation, Ledger } from '../../src/model/allocation.ts'
import type {
  CpuRequest,
  DataCenter,
  FunctionOverride,
  Link,
  ServiceInstance,
  SondConfiguration,
} from '../../src/model/documents.ts'
import { type InstanceName, must, parsePackageDigest } from '../../src/model/names.ts'
import type {
  AccessPoint,
  DeploymentUnit,
  EndReference,
  FunctionInterface,
  NetworkFunction,
  ServicePackage,
  VirtualLink,
} from '../../src/model/package.ts'
import { name } from '../support/build.ts'

/** Small packages, instances and topologies for tests. Texts are short: a link is `l1 E-Line a:out b:in`. */

const ends = (references: readonly string[]): EndReference[] =>
  references.map((raw) => {
    const [owner = '', port = owner] = raw.split(':')
    return { raw, owner, interface: port.replaceAll(/[_.]/gu, '-') }
  })

/** `id type end end ...`. */
const link = (text: string, line = 1): VirtualLink => {
  const [id = '', typeText = '', ...references] = text.split(' ')
  const types = ['E-Line', 'E-LAN', 'E-Tree'] as const
  const type = types.find((item) => item === typeText) ?? 'unknown'
  return { id: name.link(id), type, typeText, ends: ends(references), file: 'p.son!/nsd.yml', line }
}

/** `in out mgmt!`: an exclamation mark says management; `in@u2` says which unit carries it. */
export const vnf = (
  vnfId: string,
  interfaces = 'in out',
  more: { units?: readonly Partial<DeploymentUnit>[]; internalLinks?: readonly string[]; cpu?: CpuRequest } = {},
): NetworkFunction => {
  const given = more.units ?? [{}]
  const units = given.map((unit, index): DeploymentUnit => ({
    id: `u${index + 1}`,
    image: name.image('img:1'),
    cpu: more.cpu ?? {},
    ...unit,
  }))
  const [first = { id: 'u1', cpu: {} }, ...rest] = units
  return {
    vnfId: name.vnf(vnfId),
    descriptor: {
      vendor: 'v',
      name: `${vnfId}-vnf`,
      version: '1',
      interfaces: interfaces
        .split(' ')
        .filter((text) => text !== '')
        .map((text): FunctionInterface => {
          const [id = '', unit = 'u1'] = text.replace('!', '').split('@')
          const type = text.includes('!') ? 'management' : 'external'
          return { id, name: name.interface(id.replaceAll(/[_.]/gu, '-')), type, unit }
        }),
      units: [first, ...rest],
      internalLinks: (more.internalLinks ?? []).map((text) => link(text)),
    },
  }
}

/** `ns:input external`. */
export const point = (text: string): AccessPoint => {
  const [id = '', type = 'internal'] = text.split(' ')
  const types = ['internal', 'management', 'external'] as const
  return {
    id,
    name: id.replace(':', '_'),
    interfaceName: name.interface((id.split(':').at(-1) ?? '').replaceAll('_', '-')),
    type: types.find((item) => item === type) ?? 'none',
  }
}

export interface PackageText {
  readonly functions: readonly NetworkFunction[]
  readonly points?: readonly string[]
  readonly links?: readonly string[]
  readonly hasForwardingGraphs?: boolean
}

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`

export const pack = (text: PackageText): ServicePackage => ({
  vendor: 'v',
  name: 'service',
  version: '1',
  digest: must(parsePackageDigest(digest), digest),
  sha1: '0'.repeat(40),
  size: 1,
  file: 'p.son',
  description: '',
  notices: [],
  service: {
    vendor: 'v',
    name: 'service',
    version: '1',
    functions: text.functions,
    accessPoints: (text.points ?? []).map(point),
    links: (text.links ?? []).map((item, index) => link(item, index + 1)),
    hasForwardingGraphs: text.hasForwardingGraphs ?? true,
  },
})

export const instance = (
  spec: Partial<Omit<ServiceInstance['spec'], 'functions'>> & { functions?: readonly FunctionOverride[] } = {},
  instanceName = 'demo',
): ServiceInstance => ({
  kind: 'ServiceInstance',
  metadata: { name: name.object(instanceName), labels: {} },
  spec: {
    package: { by: 'name', name: 'service' },
    packageText: 'service',
    replicas: 1,
    suspend: false,
    state: 'Running',
    driftMode: 'Enforce',
    settings: {},
    functions: [],
    ...spec,
  },
})

export const dataCenter = (text: string, capacity: DataCenter['spec']['capacity'] = {}): DataCenter => ({
  kind: 'DataCenter',
  metadata: { name: name.object(text), labels: {} },
  spec: { capacity },
})

/** `dc1-dc2` between its two halves. */
export const trunk = (text: string, more: Partial<Link['spec']> = {}, linkName = text): Link => {
  const [a = '', b = ''] = text.split('-')
  return {
    kind: 'Link',
    metadata: { name: name.object(linkName), labels: {} },
    spec: { endpoints: [name.object(a), name.object(b)], ...more },
  }
}

export const configuration: SondConfiguration['spec'] = {
  owner: 'sond',
  manifests: { directory: '/m', settleMs: 1, maxPrunePercent: 50 },
  engines: { mode: 'memory', docker: '', ovsdb: '', datapath: 'auto' },
  listen: [],
  api: { tokenFile: null, group: 'sond' },
  resyncMs: 1,
  pools: {
    sap: { prefix: name.cidr('10.10.0.0/16'), size: 30, count: 50 },
    elan: { prefix: name.cidr('10.20.0.0/16'), size: 24, count: 50 },
    eline: { prefix: name.cidr('10.30.0.0/16'), size: 30, count: 50 },
  },
  placement: { policy: 'RoundRobinWithSaps' },
  saps: { deploy: false, vnfd: null },
  chaining: { bidirectional: true, requireForwardingGraphs: false, path: 'Hops' },
  management: { dockerNetwork: false },
  images: { forcePull: false, buildDockerfiles: false, allow: ['*'] },
  scripts: { stopWaitMs: 1 },
  results: { directory: '/results/' },
  autoDeploy: false,
  autoDelete: false,
  policy: { privileged: false },
}

export const settings = (more: Partial<EffectiveSettings> = {}): EffectiveSettings => ({
  ...effectiveSettings(configuration, {}),
  ...more,
})

export const emptyLedger: Ledger = { allocations: new Map(), reserved: [] }

export const ledgerOf = (...allocations: readonly (Allocation | undefined)[]): Ledger => ({
  allocations: new Map(
    allocations.flatMap((item): (readonly [InstanceName, Allocation])[] =>
      item === undefined ? [] : [[item.instance, item]],
    ),
  ),
  reserved: [],
})

export type Options = Partial<Omit<DesireInput, 'settings' | 'topology'>> & {
  readonly settings?: Partial<EffectiveSettings>
  readonly dataCenters?: readonly DataCenter[]
  readonly trunks?: readonly Link[]
}

export const desire = (text: PackageText, options: Options = {}): DesireResult => {
  const { settings: more, dataCenters, trunks, ...rest } = options
  return desireInstance({
    instance: instance(),
    package: pack(text),
    topology: { dataCenters: dataCenters ?? [], links: trunks ?? [] },
    settings: settings(more),
    owner: name.owner('sond'),
    host: { cpus: 4 },
    ledger: emptyLedger,
    previous: undefined,
    ...rest,
  })
}

/** `a:out=10.30.0.1/30`, sorted; replicas after the first as `a.1:out`. */
export const addresses = (result: DesireResult): readonly string[] =>
  result.functions
    .flatMap((item) =>
      item.interfaces.flatMap((wire) => {
        const unit = `${item.copy === 0 ? '' : `${item.copy}/`}${item.vnf}${item.vdu === '' ? '' : `.${item.vdu}`}`
        const replica = item.replica === 0 ? '' : `#${item.replica}`
        return wire.address === undefined ? [] : [`${unit}${replica}:${wire.name}=${wire.address}`]
      }),
    )
    .sort()

export const linkNamed = (result: DesireResult, id: string, copy = 0): PlannedLink => {
  const found = result.links.find((item) => item.id === id && item.copy === copy)
  if (found === undefined) throw new Error(`no link ${id}`)
  return found
}

export const codes = (result: DesireResult): readonly string[] => result.notices.map((item) => item.code)

/** Flows with ports told as `VNF:INTERFACE` instead of their hashed names. */
export const flowTexts = (result: DesireResult): readonly string[] => {
  const ports = new Map<string, string>()
  for (const item of result.functions) {
    const replica = item.replica === 0 ? '' : `#${item.replica}`
    for (const wire of item.interfaces) ports.set(wire.port, `${item.vnf}${replica}:${wire.name}`)
  }
  const bridges = new Map(
    result.desired.bridges.map((item) => [item.name, item.role === 'sap' ? 'sap' : item.dataCenter]),
  )
  const told = (text: string): string =>
    text.replaceAll(/s[vpt][a-z2-7]{12}/gu, (port) => ports.get(port) ?? (port.startsWith('st') ? 'trunk' : 'patch'))
  return result.desired.flows.map(
    (flow) => `${bridges.get(flow.bridge) ?? '?'} ${flow.priority} ${told(flow.match)} -> ${told(flow.actions)}`,
  )
}
