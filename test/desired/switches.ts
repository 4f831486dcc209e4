// Settings of the daemon that shape a service: what each does, from the texts of the configuration and the manifest on. Those that
// shape no plan have tables of their own: test/main/switches.ts and test/e2e/switches.ts.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { loadSapUnit } from '../../src/daemon/sap-unit.ts'
import { desireInstance } from '../../src/desired/desire.ts'
import type { DesireResult } from '../../src/desired/result.ts'
import { effectiveSettings } from '../../src/desired/settings.ts'
import { parseConfiguration } from '../../src/parse/configuration.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { name } from '../support/build.ts'
import { buildManifest, buildPackage } from '../support/service.ts'
import type { Fields, Switch } from '../support/switches.ts'

const sapDescriptor = {
  vendor: 'test.sond.dev',
  name: 'sap',
  version: '1',
  virtual_deployment_units: [{ id: 'u', vm_image: 'test/sap:1', vm_image_format: 'docker' }],
}

const bytes = await buildPackage({
  name: 'svc',
  functions: [
    { id: 'a', image: 'test/a:1', interfaces: ['mgmt', 'out', 'lan'], management: ['mgmt'] },
    { id: 'b', image: 'test/b:1', interfaces: ['mgmt', 'in', 'lan'], management: ['mgmt'] },
  ],
  points: { 'ns:in': 'internal', 'ns:ext': 'external', 'ns:mgmt': 'management' },
  links: [
    ['line', 'E-Line', 'a:out', 'b:in'],
    ['way-in', 'E-LAN', 'ns:in', 'a:lan', 'b:lan'],
    ['way-out', 'E-Line', 'ns:ext', 'b:in'],
    ['mgmt', 'E-LAN', 'ns:mgmt', 'a:mgmt', 'b:mgmt'],
  ],
  files: { 'docker_files/a-vnf/Dockerfile': 'FROM scratch\n' },
})
const parsed = (await parsePackage('svc.son', bytesInMemory(bytes))).package
if (parsed === undefined) throw new Error('the package of this test is wrong')
const pack = { ...parsed, service: { ...parsed.service, hasForwardingGraphs: false } }

const dataCenters = ['dc1', 'dc2', 'dc3'].map((one) => ({
  kind: 'DataCenter' as const,
  metadata: { name: name.object(one), labels: {} },
  spec: { capacity: {} },
}))
/** The straight way is the slow one. */
const links = (
  [
    ['dc1', 'dc2', 100],
    ['dc1', 'dc3', 1],
    ['dc3', 'dc2', 1],
  ] as const
).map(([from, to, delayMs]) => ({
  kind: 'Link' as const,
  metadata: { name: name.object(`${from}-${to}`), labels: {} },
  spec: { endpoints: [name.object(from), name.object(to)] as const, delayMs },
}))

/** What shall be, from the texts of the configuration and the manifest. */
export const desire = async (settings: Fields, spec: Fields): Promise<DesireResult> => {
  const text = stringify({ apiVersion: 'sond.dev/v1alpha1', kind: 'SondConfiguration', spec: settings })
  const { configuration, diagnostics } = parseConfiguration('sond.yaml', Buffer.from(text))
  if (configuration === undefined) throw new Error(JSON.stringify(diagnostics))
  const manifest = parseManifestFile('demo.yaml', Buffer.from(buildManifest('demo', 'svc', spec)))
  const document = manifest.documents[0]?.document
  if (document?.kind !== 'ServiceInstance') throw new Error(JSON.stringify(manifest.diagnostics))
  const { vnfd } = configuration.spec.saps
  return desireInstance({
    instance: document,
    package: pack,
    topology: { dataCenters, links },
    settings: effectiveSettings(
      configuration.spec,
      document.spec.settings,
      vnfd === null ? undefined : await loadSapUnit(vnfd),
    ),
    owner: name.owner('sond'),
    host: { cpus: 4 },
    ledger: { allocations: new Map(), reserved: [] },
    previous: undefined,
  })
}

const imageOf = ({ desired }: DesireResult, vnf: string): string =>
  desired.containers.find((one) => one.vnf === vnf)?.image ?? 'none'
const container = ({ desired }: DesireResult, vnf: string) => desired.containers.find((one) => one.vnf === vnf)
const subnetOf = ({ links, saps }: DesireResult, id: string): string =>
  saps.find((one) => one.name === id)?.subnet ?? links.find((one) => one.id === id)?.subnet ?? 'none'
/** Frames that enter from one interface have a way, over whatever switches, that ends at the other. */
const leads = ({ desired }: DesireResult, from: readonly [string, string], to: readonly [string, string]): boolean => {
  const port = ([vnf, interfaceName]: readonly [string, string]): string =>
    desired.interfaces.find((one) => one.container.includes(`.${vnf}.`) && one.name === interfaceName)?.port ?? 'none'
  const enters = desired.flows.some(({ match }) => match.split(',').includes(`in_port=${port(from)}`))
  return enters && desired.flows.some(({ actions }) => actions.split(',').includes(`output:${port(to)}`))
}

const directory = mkdtempSync(join(tmpdir(), 'sond-switches-'))
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
const sapFile = join(directory, 'sap.yml')
writeFileSync(sapFile, stringify(sapDescriptor))

/** One that shows in the plan of a service. */
interface PlanSwitch extends Switch<DesireResult> {
  /** What else must be so for it to show. */
  readonly given?: Fields
  readonly spec?: Fields
}

export const planSwitches: readonly PlanSwitch[] = [
  {
    setting: 'images.buildDockerfiles',
    values: [false, true],
    look: (result) => [imageOf(result, 'a').split(':')[0], container(result, 'a')?.imageSource.kind],
    expect: [
      ['test/a', 'pull'],
      ['a-vnf', 'build'],
    ],
    overridden: true,
  },
  {
    setting: 'images.forcePull',
    values: [false, true],
    look: (result) => container(result, 'b')?.imageSource,
    expect: [
      { kind: 'pull', force: false },
      { kind: 'pull', force: true },
    ],
    overridden: true,
  },
  {
    setting: 'images.allow',
    values: [['*'], ['test/a:*']],
    look: ({ notices }) => notices.filter(({ code }) => code === 'IMAGE_REFUSED').map(({ message }) => message),
    expect: [[], ['b: images.allow of the daemon does not allow the image test/b:1.']],
    overridden: false,
  },
  {
    setting: 'saps.deploy',
    values: [false, true],
    look: ({ saps }) => saps.map((one) => one.name),
    expect: [[], ['ns_in', 'ns_ext', 'ns_mgmt']],
    overridden: true,
  },
  {
    setting: 'saps.vnfd',
    values: [null, sapFile],
    look: (result) => imageOf(result, 'ns_in'),
    expect: ['sonatanfv/son-emu-sap', 'test/sap:1'],
    overridden: false,
    given: { saps: { deploy: true } },
  },
  {
    setting: 'chaining.bidirectional',
    values: [false, true],
    look: (result) => [leads(result, ['a', 'out'], ['b', 'in']), leads(result, ['b', 'in'], ['a', 'out'])],
    expect: [
      [true, false],
      [true, true],
    ],
    overridden: true,
  },
  {
    setting: 'chaining.requireForwardingGraphs',
    values: [false, true],
    look: ({ links }) => links.find(({ id }) => id === 'line')?.skipped?.code,
    expect: [undefined, 'NO_FORWARDING_GRAPH'],
    overridden: true,
  },
  {
    setting: 'chaining.path',
    values: ['Hops', 'Delay'],
    look: ({ desired }) => new Set(desired.flows.map(({ bridge }) => bridge)).has(name.bridge('sond-dc3')),
    expect: [false, true],
    overridden: true,
  },
  {
    setting: 'management.dockerNetwork',
    values: [false, true],
    look: (result) => container(result, 'a')?.network.kind,
    expect: ['none', 'bridge'],
    overridden: true,
  },
  {
    setting: 'placement.policy',
    values: ['First', 'RoundRobin'],
    look: ({ functions }) => functions.map(({ dataCenter }) => dataCenter),
    expect: [
      ['dc1', 'dc1'],
      ['dc1', 'dc2'],
    ],
    overridden: true,
  },
  {
    setting: 'placement.policy',
    values: ['RoundRobin', 'RoundRobinWithSaps'],
    // Next in turn, or beside the function at the other end.
    look: ({ saps }) => saps.find((one) => one.name === 'ns_in')?.dataCenter,
    expect: ['dc3', 'dc1'],
    overridden: true,
    given: { saps: { deploy: true } },
  },
  {
    setting: 'pools.sap.prefix',
    values: ['10.10.0.0/16', '10.77.0.0/16'],
    look: (result) => subnetOf(result, 'ns_ext'),
    expect: ['10.10.0.0/30', '10.77.0.0/30'],
    overridden: false,
    given: { saps: { deploy: true } },
  },
  {
    setting: 'pools.sap.size',
    values: [30, 28],
    look: (result) => subnetOf(result, 'ns_ext'),
    expect: ['10.10.0.0/30', '10.10.0.0/28'],
    overridden: false,
    given: { saps: { deploy: true } },
  },
  {
    setting: 'pools.sap.count',
    values: [50, 1],
    look: ({ saps }) => saps.filter(({ type, subnet }) => type === 'external' && subnet === undefined).length,
    expect: [0, 1],
    overridden: false,
    given: { saps: { deploy: true } },
    spec: { replicas: 2 },
  },
  {
    setting: 'pools.elan.prefix',
    values: ['10.20.0.0/16', '10.78.0.0/16'],
    look: (result) => subnetOf(result, 'way-in'),
    expect: ['10.20.0.0/24', '10.78.0.0/24'],
    overridden: false,
  },
  {
    setting: 'pools.elan.size',
    values: [24, 28],
    look: (result) => subnetOf(result, 'way-in'),
    expect: ['10.20.0.0/24', '10.20.0.0/28'],
    overridden: false,
  },
  {
    setting: 'pools.elan.count',
    values: [50, 1],
    look: ({ exhausted }) => exhausted.map(({ pool }) => pool),
    expect: [[], ['elan']],
    overridden: false,
  },
  {
    setting: 'pools.eline.prefix',
    values: ['10.30.0.0/16', '10.79.0.0/16'],
    look: (result) => subnetOf(result, 'line'),
    expect: ['10.30.0.0/30', '10.79.0.0/30'],
    overridden: false,
  },
  {
    setting: 'pools.eline.size',
    values: [30, 29],
    look: (result) => subnetOf(result, 'line'),
    expect: ['10.30.0.0/30', '10.30.0.0/29'],
    overridden: false,
  },
  {
    setting: 'pools.eline.count',
    values: [50, 1],
    look: ({ exhausted }) => exhausted.map(({ pool }) => pool),
    expect: [[], ['eline']],
    overridden: false,
    spec: { replicas: 2 },
  },
  {
    setting: 'results.directory',
    values: ['/var/lib/sond/results', '/srv/shared'],
    look: (result) => container(result, 'a')?.volumes.map(({ host }) => host.split('/demo')[0]),
    expect: [['/var/lib/sond/results'], ['/srv/shared']],
    overridden: false,
  },
  {
    setting: 'policy.privileged',
    values: [false, true],
    look: (result) => container(result, 'a')?.privileged,
    expect: [false, true],
    overridden: false,
    spec: { functions: [{ vnfId: 'a', privileged: true }] },
  },
]
