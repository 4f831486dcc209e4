// Every setting of the daemon that shapes a service: what it does, by what is written in the files. A setting that does nothing fails here.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { stringify } from 'yaml'
import { loadSapUnit } from '../../src/daemon/sap-unit.ts'
import { desireInstance } from '../../src/desired/desire.ts'
import type { DesireResult } from '../../src/desired/result.ts'
import { effectiveSettings } from '../../src/desired/settings.ts'
import { parseConfiguration } from '../../src/parse/configuration.ts'
import { jsonSchemas } from '../../src/parse/json-schemas.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { name } from '../support/build.ts'
import { buildManifest, buildPackage } from '../support/service.ts'

type Fields = Readonly<Record<string, unknown>>

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
const parsed = (await parsePackage('svc.son', bytes)).package
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
const desire = async (settings: Fields, spec: Fields): Promise<DesireResult> => {
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
const hasPorts = ({ desired }: DesireResult, from: string, to: string): boolean => {
  const port = (vnf: string, interfaceName: string) =>
    desired.interfaces.find((one) => one.container.includes(`.${vnf}.`) && one.name === interfaceName)?.port
  return desired.flows.some((flow) => flow.match.includes(port(from, from === 'a' ? 'out' : 'in') ?? '?')) && to !== ''
}

const directory = mkdtempSync(join(tmpdir(), 'sond-switches-'))
t.teardown(() => rmSync(directory, { recursive: true, force: true }))
const sapFile = join(directory, 'sap.yml')
writeFileSync(sapFile, stringify(sapDescriptor))

interface Switch {
  /** As docs/configuration.md names it. */
  readonly setting: string
  /** Its value, off or default first. */
  readonly values: readonly [unknown, unknown]
  /** What it changes. */
  readonly look: (result: DesireResult) => unknown
  readonly expect: readonly [unknown, unknown]
  /** An instance can have it otherwise. */
  readonly overridden: boolean
  /** What else must be so for it to show. */
  readonly given?: Fields
  readonly spec?: Fields
}

const switches: readonly Switch[] = [
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
    look: (result) => [hasPorts(result, 'a', 'b'), hasPorts(result, 'b', 'a')],
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

/** `{a: {b: value}}` of `a.b`. */
const nested = (path: string, value: unknown): Fields => {
  const [first = '', ...rest] = path.split('.')
  return { [first]: rest.length === 0 ? value : nested(rest.join('.'), value) }
}

const merged = (one: Fields = {}, other: Fields = {}): Fields =>
  Object.fromEntries(
    [...new Set([...Object.keys(one), ...Object.keys(other)])].map((key) => {
      const [left, right] = [one[key], other[key]]
      const isMap = (value: unknown): value is Fields =>
        typeof value === 'object' && value !== null && !Array.isArray(value)
      return [key, isMap(left) && isMap(right) ? merged(left, right) : (right ?? left)]
    }),
  )

for (const { setting, values, look, expect, overridden, given, spec = {} } of switches) {
  t.test(`${setting}: ${JSON.stringify(values[0])} or ${JSON.stringify(values[1])}`, async (t) => {
    for (const index of [0, 1] as const) {
      const asked = merged(given, nested(setting, values[index]))
      t.strictSame(look(await desire(asked, spec)), expect[index], `the daemon says ${JSON.stringify(values[index])}`)
      if (!overridden) continue
      const other = merged(given, nested(setting, values[index === 0 ? 1 : 0]))
      t.strictSame(
        look(await desire(other, merged(spec, nested(setting, values[index])))),
        expect[index],
        `its instance says ${JSON.stringify(values[index])}, against the daemon`,
      )
    }
  })
}

/** Settings that shape no plan of a service: where each is tried. */
const elsewhere: Readonly<Record<string, string>> = {
  owner: 'test/e2e/restart.test.ts',
  'manifests.directory': 'test/support/daemon.ts',
  'manifests.settle': 'test/watch/editors.test.ts',
  'manifests.maxPrunePercent': 'test/watch/prune.test.ts',
  'engines.mode': 'test/main/standalone.test.ts',
  'engines.docker': 'test/support/daemon.ts',
  'engines.ovsdb': 'test/support/daemon.ts',
  'engines.datapath': 'test/engine/ovs/session.test.ts',
  listen: 'test/e2e/gatekeeper.test.ts',
  resync: 'test/main/standalone.test.ts',
  'scripts.stopWait': 'test/e2e/scripts.test.ts',
  autoDeploy: 'test/e2e/gatekeeper.test.ts',
  autoDelete: 'test/e2e/gatekeeper.test.ts',
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
}

const leaves = ({ properties }: Schema, path = ''): readonly string[] =>
  properties === undefined
    ? [path]
    : Object.entries(properties).flatMap(([key, part]) => leaves(part, path === '' ? key : `${path}.${key}`))

t.test('no setting is without a test', async (t) => {
  // A JSON Schema of our own, of which `properties` is all that is looked at.
  const { SondConfiguration: schema } = jsonSchemas() as Readonly<Record<string, Schema>>
  const tried = new Set([...switches.map(({ setting }) => setting), ...Object.keys(elsewhere)])
  t.same([...tried].sort(), leaves(schema?.properties?.['spec'] ?? {}).toSorted())
  for (const [setting, file] of Object.entries(elsewhere)) {
    const path = join(import.meta.dirname, '../..', file)
    t.ok(existsSync(path), file)
    const word = setting.split('.').at(-1) ?? setting
    t.match(readFileSync(path, 'utf8').toLowerCase(), word.toLowerCase(), `${file} names ${word}`)
  }
})

t.test('what an instance can have otherwise is what its manifest has fields for', async (t) => {
  // As above.
  const { ServiceInstance: schema } = jsonSchemas() as Readonly<Record<string, Schema>>
  const fields = new Set(leaves(schema?.properties?.['spec'] ?? {}))
  for (const { setting, overridden } of switches) t.equal(fields.has(setting), overridden, setting)
  t.ok(fields.has('scripts.stopWait'))
})
