import t, { type Test } from 'tap'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import type { FunctionDescriptor } from '../../src/model/package.ts'
import { parsePackage, type PackageOptions, readStandaloneFunction } from '../../src/parse/package.ts'
import type { Diagnostic } from '../../src/model/diagnostics.ts'
import { codes, codesOnly, parseSample } from './fixtures/expect.ts'
import { type Sample, type Yaml, entriesOf, link, tgoFiles, unit, vnfd, zip } from './fixtures/sample.ts'

/** The sample with one function only. */
const only = (a: Yaml, files: Sample['files'] = {}): Sample => ({
  a,
  files,
  nsd: { network_functions: [{ vnf_id: 'vnf_a', vnf_name: 'a' }], virtual_links: [] },
})

const accepted = (
  name: string,
  a: Yaml,
  notices: readonly string[],
  check: (t: Test, found: FunctionDescriptor) => void,
  files?: Sample['files'],
  options?: PackageOptions,
): void => {
  t.test(`accepted: ${name}`, async (t) => {
    const { package: found, diagnostics } = await parseSample(only(a, files), options)
    t.strictSame(codes(diagnostics, 'error'), [])
    t.strictSame(codesOnly(diagnostics, 'notice'), notices)
    const descriptor = found?.service.functions[0]?.descriptor
    if (descriptor === undefined) t.fail('no function')
    else check(t, descriptor)
  })
}

const refused = (
  name: string,
  a: Yaml,
  code: string,
  line: number,
  files?: Sample['files'],
  options?: PackageOptions,
): void => {
  t.test(`refused: ${name}`, async (t) => {
    const { package: found, diagnostics } = await parseSample(only(a, files), options)
    t.equal(found, undefined)
    t.strictSame(codes(diagnostics, 'error'), [`${code} function_descriptors/a.yml:${String(line)}`])
  })
}

const image = (vm_image: unknown, more: Yaml = {}): Yaml => ({
  virtual_deployment_units: [unit({ vm_image, ...more })],
})
const imageIs = (wanted: string) => (t: Test, found: FunctionDescriptor) => t.equal(found.units[0].image, wanted)

// Images.
accepted(
  'a registry with a port',
  image('registry.example:5000/team/fw:1'),
  [],
  imageIs('registry.example:5000/team/fw:1'),
)
accepted('a digest', image(`fw@sha256:${'0'.repeat(64)}`), [], imageIs(`fw@sha256:${'0'.repeat(64)}`))
accepted(
  'an image with http:// before it',
  image('http://registry.example:5000/fw'),
  [],
  imageIs('registry.example:5000/fw'),
)
accepted('twice', image('http://https://x/y'), [], imageIs('x/y'))
accepted('a format in capitals', image('fw', { vm_image_format: 'Docker' }), ['IMAGE_FORMAT'], imageIs('fw'))
accepted('no format', image('fw', { vm_image_format: undefined }), ['IMAGE_FORMAT'], imageIs('fw'))
accepted('an empty format', image('fw', { vm_image_format: '' }), ['IMAGE_FORMAT'], imageIs('fw'))
accepted(
  'what only a shell could mind is not read',
  image('fw', { command: 'sh -c "x"', privileged: true, volumes: ['/:/host'] }),
  [],
  (t, found) => t.strictSame(Object.keys(found.units[0]), ['id', 'image', 'cpu', 'memoryBytes']),
)
for (const wrong of [
  '',
  '  ',
  null,
  undefined,
  7,
  ['x'],
  '--help',
  'UPPER',
  'a b',
  'é',
  'x'.repeat(5_000),
  '/etc/passwd',
]) {
  const line = Array.isArray(wrong) ? 7 : wrong === undefined ? 5 : 6
  refused(
    `the image ${wrong === undefined ? 'missing' : JSON.stringify(wrong).slice(0, 20)}`,
    image(wrong),
    'IMAGE',
    line,
  )
}
for (const format of ['qcow2', 'raw', 7, ['docker']]) {
  refused(
    `the format ${JSON.stringify(format)}`,
    image('http://x/y.qcow2', { vm_image_format: format }),
    'IMAGE_FORMAT',
    Array.isArray(format) ? 8 : 7,
  )
}
for (const disk of ['http://x/disk.qcow2', 'disk.img', 'disk.qcow2.tar.bz2']) {
  refused(`no format, and the disk ${disk}`, image(disk, { vm_image_format: undefined }), 'IMAGE_FORMAT', 6)
}
accepted(
  'every image is a docker image, if asked for',
  image('http://x/y.qcow2', { vm_image_format: 'qcow2' }),
  [],
  imageIs('x/y.qcow2'),
  {},
  { assumeDockerImages: true },
)
accepted(
  'also what could be none',
  image('TBD', { vm_image_format: 'raw' }),
  [],
  (t, found) => t.match(found.units[0].image, /^assumed\/[0-9a-f]{12}$/),
  {},
  { assumeDockerImages: true },
)
refused('but not what is missing', image(undefined), 'IMAGE', 5, {}, { assumeDockerImages: true })

// Docker files.
const docker = { 'docker_files/a/Dockerfile': 'FROM x', 'docker_files/other/Dockerfile': 'FROM y' }
accepted(
  'a docker file instead of an image',
  image('file:///docker_files/other/Dockerfile'),
  [],
  (t, found) => {
    t.equal(found.units[0].dockerfile, 'docker_files/other')
    t.equal(found.units[0].image, undefined)
  },
  docker,
)
accepted(
  'a folder of one',
  image('file:///docker_files/other'),
  [],
  (t, found) => t.equal(found.units[0].dockerfile, 'docker_files/other'),
  docker,
)
accepted(
  'one by the name of the function',
  image('fw'),
  [],
  (t, found) => t.match(found.units[0], { image: 'fw', dockerfile: 'docker_files/a' }),
  docker,
)
refused(
  'a docker file that is not there',
  image('file:///docker_files/none/Dockerfile'),
  'DOCKERFILE_MISSING',
  6,
  docker,
)
refused('a docker file in no folder', image('file:///Dockerfile'), 'DOCKERFILE_MISSING', 6, { Dockerfile: 'FROM x' })

// Units.
refused('no units', { virtual_deployment_units: [] }, 'NO_UNITS', 1)
refused('units missing', { virtual_deployment_units: undefined }, 'NO_UNITS', 1)
refused('two units of one id', { virtual_deployment_units: [unit(), unit()] }, 'DUPLICATE_UNIT', 1)
refused(
  'cloud-native units in a .son',
  { virtual_deployment_units: undefined, cloudnative_deployment_units: [{ id: 'c', image: 'x' }] },
  'CLOUD_NATIVE',
  12,
)
accepted(
  'cloud-native units beside others',
  { cloudnative_deployment_units: [{ id: 'c', image: 'x' }] },
  ['CLOUD_NATIVE'],
  (t, found) => t.equal(found.units.length, 1),
)
accepted('a unit without id', { virtual_deployment_units: [unit({ id: undefined })] }, [], (t, found) =>
  t.equal(found.units[0].id, 'vdu1'),
)
accepted(
  'ids that are no part of a name',
  { virtual_deployment_units: [unit({ id: 'a b' }), unit({ id: 7 })] },
  ['UNIT_ID'],
  (t, found) =>
    t.strictSame(
      found.units.map(({ id }) => id),
      ['vdu1', '7'],
    ),
)

// Connection points.
const points = (...list: unknown[]): Yaml => ({ connection_points: list })
accepted(
  'names that are cleaned',
  points({ id: 'vnf:input', type: 'interface' }, { id: 'a_b', type: 7 }, { id: 5 }, { id: 'eth0', interface: 'ipv4' }),
  ['INTERFACE_NAME'],
  (t, found) => {
    t.strictSame(
      found.interfaces.map(({ id, name, type }) => [id, name, type]),
      [
        ['input', 'input', 'interface'],
        ['a_b', 'a-b', ''],
        ['5', '5', ''],
        ['eth0', 'eth0', ''],
      ],
    )
  },
)
accepted('no connection points', points(), [], (t, found) => t.strictSame(found.interfaces, []))
accepted(
  'addresses are not used',
  points({ id: 'a', ip: '10.0.0.1/24', mac: '02:00:00:00:00:01' }, { id: 'b', address: 'fe80::1', ip: null }),
  ['ADDRESS_IGNORED', 'ADDRESS_IGNORED', 'ADDRESS_IGNORED'],
  (t, found) => t.equal(found.interfaces.length, 2),
)
refused('an address for a shell', points({ id: 'a', ip: '1.2.3.4/8; touch x' }), 'ADDRESS', 16)
refused('a point twice', points({ id: 'input' }, { id: 'vnf:input' }), 'DUPLICATE_POINT', 16)
refused('points that are no list', { connection_points: 'x' }, 'WRONG_TYPE', 14)
for (const id of ['x;y', 'a/b', 'üp', 'i%d', '', null, undefined, { a: 1 }]) {
  refused(
    `the point ${id === undefined ? 'without id' : JSON.stringify(id)}`,
    points({ id, type: 'x' }),
    'POINT_ID',
    typeof id === 'object' && id !== null ? 16 : 15,
  )
}

// Resources.
const requirements = (resource_requirements: unknown): Yaml => ({
  virtual_deployment_units: [unit({ resource_requirements })],
})
const gigabyte = 1024 ** 3
const good: readonly (readonly [string, unknown, readonly string[], unknown])[] = [
  ['none', undefined, [], { cpu: {} }],
  ['empty ones', null, ['DEFAULT_USED'], { cpu: { bandwidth: 1 } }],
  ['nothing in them', {}, [], { cpu: { bandwidth: 1 } }],
  ['a set of CPUs', { cpu: { cores: '0,1', vcpus: 4, cpu_bw: 0.07 } }, [], { cpu: { cores: '0,1', bandwidth: 0.07 } }],
  ['one CPU', { cpu: { cores: 3 } }, [], { cpu: { cores: '3', bandwidth: 1 } }],
  ['an empty set, so a count', { cpu: { cores: '', vcpus: '2' } }, [], { cpu: { vcpus: 2, bandwidth: 1 } }],
  ['a set in the place of a count', { cpu: { vcpus: '0-3' } }, ['CPU_SET'], { cpu: { cores: '0-3', bandwidth: 1 } }],
  ['no count', { cpu: { vcpus: null } }, [], { cpu: { bandwidth: 1 } }],
  ['a count of 0', { cpu: { vcpus: 0 } }, ['DEFAULT_USED'], { cpu: { bandwidth: 1 } }],
  ['part of a count', { cpu: { vcpus: 1.5 } }, ['CPU_COUNT'], { cpu: { vcpus: 2, bandwidth: 1 } }],
  ['bandwidth as text', { cpu: { cpu_bw: '0.5' } }, [], { cpu: { bandwidth: 0.5 } }],
  ['no limit of bandwidth', { cpu: { cpu_bw: -1 } }, [], { cpu: { bandwidth: -1 } }],
  ['a bandwidth of 0', { cpu: { cpu_bw: 0 } }, ['DEFAULT_USED'], { cpu: { bandwidth: 1 } }],
  ['memory without unit', { memory: { size: 1.5 } }, [], { cpu: { bandwidth: 1 }, memoryBytes: 1.5 * gigabyte }],
  [
    'memory as text',
    { memory: { size: '0.5', size_unit: '' } },
    [],
    { cpu: { bandwidth: 1 }, memoryBytes: 0.5 * gigabyte },
  ],
  ['MB', { memory: { size: 2048, size_unit: 'MB' } }, [], { cpu: { bandwidth: 1 }, memoryBytes: 2 * gigabyte }],
  ['MiB', { memory: { size: 512, size_unit: 'MiB' } }, [], { cpu: { bandwidth: 1 }, memoryBytes: 0.5 * gigabyte }],
  ['TB', { memory: { size: 1, size_unit: 'TB' } }, [], { cpu: { bandwidth: 1 }, memoryBytes: 1024 * gigabyte }],
  ['an empty size', { memory: { size: '', size_unit: 'MB' } }, [], { cpu: { bandwidth: 1 } }],
  ['a null size', { memory: { size: null } }, ['DEFAULT_USED'], { cpu: { bandwidth: 1 } }],
  ['a size of 0', { memory: { size: 0 } }, ['DEFAULT_USED'], { cpu: { bandwidth: 1 } }],
  [
    'a tiny size',
    { memory: { size: 1, size_unit: 'MB' } },
    ['MEMORY_SIZE'],
    { cpu: { bandwidth: 1 }, memoryBytes: 6 * 1024 ** 2 },
  ],
  ['unknown keys', { gpu: 1, storage: [], cpu: { cpu_support_accelerator: 'x' } }, [], { cpu: { bandwidth: 1 } }],
]
for (const [name, wanted, notices, result] of good) {
  accepted(`resources: ${name}`, requirements(wanted), notices, (t, { units: [found] }) => {
    const { cpu, memoryBytes } = found
    t.strictSame(
      { cpu, ...(memoryBytes === undefined ? {} : { memoryBytes }) },
      wanted === undefined ? { cpu: { bandwidth: 1 } } : result,
    )
  })
}
const bad: readonly (readonly [unknown, string, number])[] = [
  [[1], 'WRONG_TYPE', 9],
  ['x', 'WRONG_TYPE', 8],
  [{ cpu: 2 }, 'WRONG_TYPE', 9],
  [{ memory: 2 }, 'WRONG_TYPE', 9],
  [{ cpu: { cores: '0 --privileged' } }, 'CPU_SET', 10],
  [{ cpu: { cores: [0] } }, 'CPU_SET', 11],
  [{ cpu: { vcpus: -1 } }, 'CPU_COUNT', 10],
  [{ cpu: { vcpus: 'two' } }, 'CPU_COUNT', 10],
  [{ cpu: { vcpus: 1e9 } }, 'CPU_COUNT', 10],
  [{ cpu: { cpu_bw: Infinity } }, 'CPU_BANDWIDTH', 10],
  [{ cpu: { cpu_bw: NaN } }, 'CPU_BANDWIDTH', 10],
  [{ cpu: { cpu_bw: true } }, 'CPU_BANDWIDTH', 10],
  [{ memory: { size: -1 } }, 'MEMORY_SIZE', 10],
  [{ memory: { size: 'much' } }, 'MEMORY_SIZE', 10],
  [{ memory: { size: 1e18 } }, 'MEMORY_SIZE', 10],
  [{ memory: { size: 1, size_unit: 'XB' } }, 'MEMORY_UNIT', 11],
  [{ memory: { size: 1, size_unit: 7 } }, 'MEMORY_UNIT', 11],
]
for (const [wanted, code, line] of bad) refused(`resources ${JSON.stringify(wanted)}`, requirements(wanted), code, line)

// Functions of several units.
accepted(
  'units are tied to the points and to each other',
  {
    virtual_deployment_units: [
      unit({
        id: 'u1',
        vm_image: 'one',
        connection_points: [{ id: 'eth0' }, { id: 'eth1' }, { id: 'out' }, { id: 'bare' }],
      }),
      unit({ id: 'u2', vm_image: 'two', connection_points: [{ id: 'u2:eth0' }, { id: 'input' }, { id: 'x;y' }, {}] }),
    ],
    virtual_links: [
      link('mgmt', 'E-LAN', 'u1:eth0', 'u2:eth0', 'mgmt'),
      link('in', 'E-Line', 'u1:eth1', 'vnf:input'),
      link('out', 'E-Line', 'u2:input', 'output'),
      link('between', 'E-Line', 'u1:out', 'u2:x;y'),
      link('again', 'E-LAN', 'u1:eth0', 'u2:input'),
      link('nowhere', 'E-Line', 'u3:eth0', 'u1:eth9'),
      link('bare', 'E-LAN', 'bare', 'u2:eth0'),
    ],
  },
  ['LINK_NOWHERE', 'LINK_NOWHERE'],
  (t, found) => {
    t.strictSame(
      found.interfaces.map(({ id, unit: carrier }) => `${carrier}:${id}`),
      ['u1:mgmt', 'u1:input', 'u2:output', 'u1:eth0', 'u2:eth0', 'u1:out', 'u2:x;y', 'u2:input', 'u1:bare'],
    )
    const names = found.interfaces.map(({ name }) => name)
    t.strictSame(names.slice(0, 6), ['mgmt', 'input', 'output', 'eth0', 'eth0', 'out'])
    t.match(names[7], /^u2-input-[a-z2-7]{4}$/, 'not the name of a point of the function')
    t.strictSame(
      found.internalLinks.map(({ id, ends }) => [id, ends.map((end) => `${end.owner}:${end.interface}`)]),
      [
        ['mgmt', ['u1:eth0', 'u2:eth0']],
        ['between', ['u1:out', `u2:${names[6] ?? ''}`]],
        ['again', ['u1:eth0', `u2:${names[7] ?? ''}`]],
        ['bare', ['u1:bare', 'u2:eth0']],
      ],
    )
  },
)
accepted(
  "points that no link ties are the first unit's",
  {
    virtual_deployment_units: [unit({ id: 'u1' }), unit({ id: 'u2', connection_points: [{ id: 'vdu01:cp' }] })],
    virtual_links: [link('a', 'E-Line', 'vdu01:cp', 'output')],
  },
  [],
  (t, found) =>
    t.strictSame(
      found.interfaces.map(({ id, unit: carrier }) => `${carrier}:${id}`),
      ['u1:mgmt', 'u1:input', 'u2:output'],
    ),
)

t.test('two points of a unit that clean to one name', async (t) => {
  const { package: found } = await parseSample(
    only({
      virtual_deployment_units: [
        unit({ id: 'u1', connection_points: [{ id: 'a.b' }, { id: 'a_b' }] }),
        unit({ id: 'u2', connection_points: [{ id: 'c' }] }),
      ],
      virtual_links: [link('x', 'E-LAN', 'u1:a.b', 'u1:a_b', 'u2:c')],
    }),
  )
  const names = found?.service.functions[0]?.descriptor.interfaces.slice(3).map(({ name }) => name) ?? []
  t.equal(new Set(names).size, 3)
})

// The successor's format.
const native = vnfd('native', {
  version: '0.9',
  virtual_deployment_units: undefined,
  cloudnative_deployment_units: [
    { id: 'cdu01', image: 'example/broker:1', connection_points: [{ id: 'data', port: 1883 }] },
    { id: 'cdu02', image: 'example/processor:1', connection_points: [{ id: 'data' }] },
  ],
  connection_points: [{ id: 'data', type: 'serviceendpoint', interface: 'ipv4' }],
  virtual_links: [link('data', 'E-Tree', 'data', 'cdu01:data', 'cdu02:data')],
})

t.test('a .tgo of cloud-native units', async (t) => {
  const { package: found, diagnostics } = await parsePackage(
    'x.tgo',
    bytesInMemory(await zip(entriesOf(tgoFiles(native)))),
  )
  t.strictSame(codes(diagnostics), [])
  t.match(found, { vendor: 'example', name: 'native-sample', version: '0.9' })
  const descriptor = found?.service.functions[0]?.descriptor
  t.strictSame(
    descriptor?.units.map(({ id, image: name }) => [id, name]),
    [
      ['cdu01', 'example/broker:1'],
      ['cdu02', 'example/processor:1'],
    ],
  )
  t.match(descriptor?.interfaces, [
    { id: 'data', unit: 'cdu01', type: 'serviceendpoint' },
    { id: 'data', unit: 'cdu01' },
    { unit: 'cdu02' },
  ])
  t.equal(descriptor?.internalLinks[0]?.type, 'E-Tree')
  t.ok((await parsePackage('x', bytesInMemory(await zip(entriesOf(tgoFiles(native)))))).package, 'by its contents')
  t.ok(
    (
      await parsePackage('x.tgo', bytesInMemory(await zip(entriesOf(tgoFiles(vnfd('native'))))), {
        assumeDockerImages: true,
      })
    ).package,
  )
  t.ok(
    (await parsePackage('x.tgo', bytesInMemory(await zip(entriesOf(tgoFiles(native)))), { assumeDockerImages: true }))
      .package,
  )
})

t.test('a .tgo that is wrong', async (t) => {
  const parse = async (files: Map<string, Buffer>, name = 'x.tgo') =>
    codes((await parsePackage(name, bytesInMemory(await zip(entriesOf(files))))).diagnostics)
  t.strictSame(await parse(tgoFiles(native), 'x.son'), ['NO_MANIFEST x.son:1'])
  t.strictSame(
    await parse(
      tgoFiles(
        native,
        {},
        { package_content: [{ source: 'Definitions/vnfd.yml', 'content-type': 'application/vnd.5gtango.vnfd' }] },
      ),
    ),
    ['NO_SERVICE TOSCA-Metadata/NAPD.yaml:6'],
  )
  t.strictSame(await parse(tgoFiles(native, {}, { package_type: undefined, package_content: undefined })), [
    'NO_SERVICE TOSCA-Metadata/NAPD.yaml:1',
  ])
  const twice = tgoFiles(
    native,
    {},
    {
      package_content: ['nsd', 'nsd', 'vnfd'].map((kind) => ({
        source: `Definitions/${kind}.yml`,
        algorithm: 'sha256',
        hash: 'x',
        'content-type': `application/vnd.5gtango.${kind}`,
      })),
    },
  )
  t.strictSame(
    await parse(twice),
    ['CHECKSUM', 'CHECKSUM', 'CHECKSUM', 'SECOND_SERVICE'].map(
      (code, index) => `${code} TOSCA-Metadata/NAPD.yaml:${String([8, 12, 16, 6][index])}`,
    ),
  )
})

t.test('a function in a file of its own', (t) => {
  const diagnostics: Diagnostic[] = []
  const read = (text: string): FunctionDescriptor | undefined =>
    readStandaloneFunction('sap.yml', Buffer.from(text), diagnostics)
  t.equal(
    read('name: sap\nvirtual_deployment_units: [{id: 1, vm_image: x/sap, vm_image_format: docker}]\n')?.units[0].image,
    'x/sap',
  )
  t.equal(diagnostics.length, 0)
  t.equal(read('a: ['), undefined)
  t.equal(read('a: ['), undefined)
  t.strictSame(codesOnly(diagnostics), ['YAML_SYNTAX', 'YAML_SYNTAX'])
  const others: Diagnostic[] = []
  t.equal(readStandaloneFunction('sap.yml', Buffer.from(''), others), undefined)
  t.strictSame(codesOnly(others), ['EMPTY'])
  t.end()
})
