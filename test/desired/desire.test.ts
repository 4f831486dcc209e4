import t from 'tap'
import { desireInstance, emptyState, goneInstance } from '../../src/desired/desire.ts'
import { defaultSapUnit, effectiveSettings } from '../../src/desired/settings.ts'
import { labels } from '../../src/model/ownership.ts'
import { name } from '../support/build.ts'
import {
  addresses,
  codes,
  configuration,
  desire,
  emptyLedger,
  flowTexts,
  instance,
  linkNamed,
  pack,
  settings,
  vnf,
} from './samples.ts'

const chain = {
  functions: [vnf('a'), vnf('b'), vnf('c')],
  links: ['l1 E-Line a:out b:in', 'l2 E-Line b:out c:in'],
}

t.test('a chain of three on the implicit data center', (t) => {
  const result = desire(chain)
  t.strictSame(addresses(result), [
    'a:out=10.30.0.1/30',
    'b:in=10.30.0.2/30',
    'b:out=10.30.1.1/30',
    'c:in=10.30.1.2/30',
  ])
  t.strictSame(
    result.desired.bridges.map((bridge) => [bridge.name, bridge.dataCenter]),
    [['sond-dc1', 'dc1']],
  )
  t.strictSame(flowTexts(result), [
    'dc1 10 in_port=a:out -> output:b:in',
    'dc1 10 in_port=b:in -> output:a:out',
    'dc1 10 in_port=b:out -> output:c:in',
    'dc1 10 in_port=c:in -> output:b:out',
  ])
  t.strictSame(codes(result), [])
  t.match(linkNamed(result, 'l1'), { type: 'E-Line', subnet: '10.30.0.0/30', vlan: undefined, carriedBy: [] })
  t.equal(linkNamed(result, 'l1').skipped, undefined)
  t.match(
    linkNamed(result, 'l1').endpoints.map((end) => [end.container, end.interface, end.address]),
    [
      ['sond.demo.0.a.0', 'out', '10.30.0.1/30'],
      ['sond.demo.0.b.0', 'in', '10.30.0.2/30'],
    ],
  )
  t.end()
})

t.test('the container of a function', (t) => {
  const [first] = desire(chain).desired.containers
  t.match(first, {
    name: 'sond.demo.0.a.0',
    role: 'vnf',
    hostname: 'a',
    image: 'img:1',
    imageSource: { kind: 'pull', force: false },
    env: { VNF_NAME: 'a' },
    volumes: [{ host: '/results/demo/0/a', container: '/mnt/share/' }],
    network: { kind: 'none' },
    privileged: false,
    limits: { cpuset: '', cpuPeriod: 1_000_000, cpuQuota: 1_000_000, memoryBytes: 2 * 1024 ** 3 },
  })
  t.strictSame(first?.labels, {
    [labels.owner]: 'sond',
    [labels.instance]: 'demo',
    [labels.copy]: '0',
    [labels.vnf]: 'a',
    [labels.replica]: '0',
    [labels.dataCenter]: 'dc1',
    [labels.role]: 'vnf',
    [labels.specHash]: first?.specHash,
  })
  t.match(first?.specHash, /^1-[0-9a-f]{64}$/u)
  t.end()
})

t.test('the spec hash tells what takes a new container', (t) => {
  const hash = (override: object, more: object = {}): string | undefined =>
    desire(chain, {
      instance: instance({ functions: [{ vnfId: name.vnf('a'), ...override }] }),
      ...more,
    }).desired.containers[0]?.specHash
  const before = hash({})
  t.equal(hash({ resources: { cpu: { bandwidth: 0.5 }, memoryBytes: 2 ** 29 } }), before, 'limits change in place')
  t.equal(hash({}, { settings: { forcePull: true } }), before, 'how an image is pulled makes no other container')
  t.equal(hash({ replicas: 2 }), before)
  t.not(hash({ image: name.image('img:2') }), before)
  t.not(hash({ env: { MODE: 'strict' } }), before)
  t.not(hash({ privileged: true }, { settings: { allowPrivileged: true } }), before)
  t.end()
})

t.test('overrides of a function', (t) => {
  const result = desire(chain, {
    instance: instance({
      functions: [
        {
          vnfId: name.vnf('b'),
          image: name.image('other:2'),
          env: { MODE: 'strict', VNF_NAME: 'mine' },
          resources: { cpu: { cores: '0,1', bandwidth: 0.5 }, memoryBytes: 512 * 1024 ** 2 },
        },
        { vnfId: name.vnf('nobody') },
      ],
    }),
  })
  t.match(result.desired.containers[1], {
    image: 'other:2',
    env: { MODE: 'strict', VNF_NAME: 'mine' },
    limits: { cpuset: '0,1', cpuQuota: 500_000, memoryBytes: 512 * 1024 ** 2 },
  })
  t.strictSame(codes(result), ['FUNCTION_UNKNOWN'])
  t.match(result.notices[0], { severity: 'warning', message: /nobody.*a, b, c/u })
  t.end()
})

t.test('privileged takes the word of both, the daemon and the instance', (t) => {
  const asked = { instance: instance({ functions: [{ vnfId: name.vnf('a'), privileged: true }] }) }
  t.equal(desire(chain, { ...asked, settings: { allowPrivileged: true } }).desired.containers[0]?.privileged, true)
  const refused = desire(chain, asked)
  t.equal(refused.desired.containers[0]?.privileged, false)
  t.strictSame(codes(refused), ['PRIVILEGED_REFUSED'])
  t.end()
})

t.test('mend: copies of a service have their own names and addresses', (t) => {
  const result = desire(chain, { instance: instance({ replicas: 2 }) })
  t.strictSame(
    result.desired.containers.map((item): string => item.name),
    ['a', 'b', 'c'].map((id) => `sond.demo.0.${id}.0`).concat(['a', 'b', 'c'].map((id) => `sond.demo.1.${id}.0`)),
  )
  t.strictSame(addresses(result), [
    '1/a:out=10.30.2.1/30',
    '1/b:in=10.30.2.2/30',
    '1/b:out=10.30.3.1/30',
    '1/c:in=10.30.3.2/30',
    'a:out=10.30.0.1/30',
    'b:in=10.30.0.2/30',
    'b:out=10.30.1.1/30',
    'c:in=10.30.1.2/30',
  ])
  t.equal(new Set(result.desired.flows.map((flow) => flow.cookie)).size, 4, 'a cookie for each link of each copy')
  t.end()
})

t.test('an instance that is gone, one that is stopped', (t) => {
  const before = desire(chain)
  const input = {
    package: pack(chain),
    topology: { dataCenters: [], links: [] },
    settings: settings(),
    owner: name.owner('sond'),
    host: { cpus: 4 },
    ledger: emptyLedger,
    previous: before.allocation,
  }
  const gone = desireInstance({ ...input, instance: goneInstance(name.object('demo')) })
  t.strictSame(gone.desired, emptyState({ kind: 'instance', instance: name.object('demo') }))
  t.equal(gone.allocation, undefined)
  const stopped = desireInstance({ ...input, instance: instance({ state: 'Stopped' }) })
  t.strictSame(stopped.desired, gone.desired)
  t.strictSame(stopped.allocation, before.allocation, 'it comes back with the same addresses')
  const never = desireInstance({ ...input, previous: undefined, instance: instance({ state: 'Stopped' }) })
  t.match(never.allocation, { instance: 'demo', cookie: before.allocation?.cookie, subnets: [] })
  t.end()
})

t.test("an instance's settings win over the daemon's", (t) => {
  t.match(effectiveSettings(configuration, {}), {
    deploySaps: false,
    bidirectional: true,
    requireForwardingGraphs: false,
    path: 'Hops',
    dockerManagement: false,
    placement: 'RoundRobinWithSaps',
    forcePull: false,
    buildDockerfiles: false,
    resultsDirectory: '/results/',
    allowPrivileged: false,
    sap: defaultSapUnit,
  })
  t.match(
    effectiveSettings(configuration, {
      deploySaps: true,
      bidirectional: false,
      requireForwardingGraphs: true,
      path: 'Delay',
      dockerManagement: true,
      placement: 'First',
    }),
    {
      deploySaps: true,
      bidirectional: false,
      requireForwardingGraphs: true,
      path: 'Delay',
      dockerManagement: true,
      placement: 'First',
    },
  )
  t.end()
})

t.test('images: built, missing, or in need of a build', (t) => {
  const one = (unit: object): { functions: ReturnType<typeof vnf>[] } => {
    const { image: _, ...rest } = vnf('Fire_wall', 'in').descriptor.units[0]
    const made = vnf('Fire_wall', 'in')
    return { functions: [{ ...made, descriptor: { ...made.descriptor, units: [{ ...rest, ...unit }] } }] }
  }
  const built = desire(one({ dockerfile: 'docker_files/fw' }), { settings: { buildDockerfiles: true } })
  t.match(built.desired.containers[0], {
    image: 'fire-wall-vnf:0123456789ab',
    imageSource: { kind: 'build', folder: 'docker_files/fw' },
  })
  const both = desire(one({ dockerfile: 'd', image: name.image('img:1') }))
  t.match(both.desired.containers[0], { image: 'img:1', imageSource: { kind: 'pull' } })
  const needs = desire(one({ dockerfile: 'docker_files/fw' }))
  t.match(needs.desired.containers[0], { image: 'fire-wall-vnf:0123456789ab', imageSource: { kind: 'pull' } })
  t.strictSame(codes(needs), ['IMAGE_NEEDS_BUILD'])
  const none = desire(one({}))
  t.strictSame(none.desired.containers, [])
  t.strictSame(codes(none), ['IMAGE_MISSING'])
  t.match(none.functions, [{ vnf: 'Fire_wall', container: 'sond.demo.0.Fire_wall.0', problem: /no container image/u }])
  t.end()
})

t.test('a VNF whose name has nothing for an image name', (t) => {
  const made = vnf('a', 'in')
  const unit = { id: 'u1', cpu: {}, dockerfile: 'd' }
  const functions = [{ ...made, descriptor: { ...made.descriptor, name: '***', units: [unit] as const } }]
  const [container] = desire({ functions }, { settings: { buildDockerfiles: true } }).desired.containers
  t.equal(container?.image, 'vnf:0123456789ab')
  t.end()
})

t.test('mend: every unit of a VNF has a container, and links between them are wired', (t) => {
  const result = desire({
    functions: [
      vnf('a', 'in out@u2 x y@u2', {
        units: [{}, {}],
        internalLinks: ['i1 E-Line u1:x u2:y', 'i2 E-Line u1:x u2:gone'],
      }),
      vnf('b'),
    ],
    links: ['l1 E-Line a:out b:in'],
  })
  t.strictSame(
    result.desired.containers.map((item): string => item.name),
    ['sond.demo.0.a.u1.0', 'sond.demo.0.a.u2.0', 'sond.demo.0.b.0'],
  )
  t.strictSame(
    result.desired.containers.map((item) => item.volumes[0]?.host),
    ['/results/demo/0/a.u1', '/results/demo/0/a.u2', '/results/demo/0/b'],
  )
  t.strictSame(addresses(result), [
    'a.u1:x=10.30.1.1/30',
    'a.u2:out=10.30.0.1/30',
    'a.u2:y=10.30.1.2/30',
    'b:in=10.30.0.2/30',
  ])
  t.equal(linkNamed(result, 'a/i2').skipped?.code, 'END_MISSING')
  t.end()
})

t.test('a reference of an inner link without a unit means any', (t) => {
  const functions = [vnf('a', 'x y@u2', { units: [{}, {}], internalLinks: ['i1 E-Line x y'] })]
  t.strictSame(addresses(desire({ functions })), ['a.u1:x=10.30.0.1/30', 'a.u2:y=10.30.0.2/30'])
  t.end()
})
