import t, { type Test } from 'tap'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import type { ServicePackage } from '../../src/model/package.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { codes, codesOnly, parseSample } from './fixtures/expect.ts'
import { type Sample, type Yaml, entriesOf, link, nsd, sampleFiles, son, vnfd, zip } from './fixtures/sample.ts'

t.test('the sample as a whole', async (t) => {
  const bytes = await son()
  const { package: found, diagnostics } = await parsePackage('dir/pack.son', bytesInMemory(bytes))
  t.strictSame(codes(diagnostics), [])
  t.match(found, {
    vendor: 'example',
    name: 'sample',
    version: '0.1',
    description: 'a sample',
    file: 'pack.son',
    size: bytes.length,
    digest: /^sha256:[0-9a-f]{64}$/,
    sha1: /^[0-9a-f]{40}$/,
    notices: [],
  })
  const service = found?.service
  t.strictSame(
    service?.functions.map(({ vnfId, descriptor }) => [vnfId, descriptor.name]),
    [
      ['vnf_a', 'a'],
      ['vnf_b', 'b'],
    ],
  )
  t.strictSame(service?.functions[0]?.descriptor, {
    vendor: 'example',
    name: 'a',
    version: '0.1',
    interfaces: ['mgmt', 'input', 'output'].map((id) => ({ id, name: id, type: 'interface', unit: '1' })),
    units: [{ id: '1', image: 'example/fw:1.0', cpu: { vcpus: 1, bandwidth: 1 }, memoryBytes: 1024 ** 3 }],
    internalLinks: [],
  })
  t.strictSame(service?.accessPoints, [
    { id: 'ns:mgmt', name: 'ns_mgmt', interfaceName: 'mgmt', type: 'management' },
    { id: 'ns:input', name: 'ns_input', interfaceName: 'input', type: 'internal' },
    { id: 'output', name: 'output', interfaceName: 'output', type: 'external' },
  ])
  t.strictSame(service?.links[1], {
    id: 'in',
    type: 'E-Line',
    typeText: 'E-Line',
    ends: [
      { raw: 'ns:input', owner: 'ns', interface: 'input' },
      { raw: 'vnf_a:input', owner: 'vnf_a', interface: 'input' },
    ],
    file: 'dir/pack.son!/service_descriptors/nsd.yml',
    line: 27,
  })
  t.strictSame(service?.links[3]?.ends[1], { raw: 'output', owner: 'output', interface: 'output' })
  t.equal(service?.hasForwardingGraphs, true)
})

/** Accepted, with just these notices. */
const accepted = (
  name: string,
  sample: Sample,
  notices: readonly string[],
  check?: (t: Test, found: ServicePackage) => void,
): void => {
  t.test(`accepted: ${name}`, async (t) => {
    const { package: found, diagnostics } = await parseSample(sample)
    t.strictSame(codes(diagnostics, 'error'), [])
    t.strictSame(codesOnly(diagnostics, 'notice'), notices)
    t.ok(found)
    if (found !== undefined) check?.(t, found)
  })
}

const refused = (name: string, sample: Sample, ...errors: readonly string[]): void => {
  t.test(`refused: ${name}`, async (t) => {
    const { package: found, diagnostics } = await parseSample(sample)
    t.equal(found, undefined)
    t.strictSame(codes(diagnostics, 'error'), errors)
  })
}

const nsdPath = 'service_descriptors/nsd.yml'
const aPath = 'function_descriptors/a.yml'
const functions = (...entries: unknown[]): Sample => ({ nsd: { network_functions: entries, virtual_links: [] } })
const links = (...entries: unknown[]): Sample => ({ nsd: { virtual_links: entries } })
const points = (...entries: unknown[]): Sample => ({ nsd: { connection_points: entries, virtual_links: [] } })
const wanted = { vnf_id: 'vnf_a', vnf_vendor: 'example', vnf_name: 'a', vnf_version: '0.1' }

// What genuine packages do.
accepted('wrong sums', { manifest: {}, files: { 'META-INF/MANIFEST.MF': manifestWith({ md5: '0'.repeat(32) }) } }, [
  'CHECKSUM',
  'CHECKSUM',
  'CHECKSUM',
])
accepted('plural content types', { files: { 'META-INF/MANIFEST.MF': manifestWith({ plural: true }) } }, [])
accepted(
  'paths without a slash, or as file URL',
  { manifest: { entry_service_template: 'file:///service_descriptors/nsd.yml' }, files: {} },
  [],
)
accepted('files that are not listed', { files: { 'README.md': 'hello', '__MACOSX/x': 'y' } }, [])
accepted(
  'listed files that nothing needs are missing',
  { files: { 'META-INF/MANIFEST.MF': manifestWith({ extra: '/docker_files/x/Dockerfile' }) } },
  ['FILE_MISSING'],
)
accepted(
  'keys of early 2016',
  {
    manifest: {
      vendor: undefined,
      name: undefined,
      version: undefined,
      description: undefined,
      package_group: 'g',
      package_name: 'n',
      package_version: '1',
      package_description: 'd',
    },
    nsd: {
      vendor: undefined,
      name: undefined,
      version: undefined,
      ns_group: 'g',
      ns_name: 'n',
      ns_version: '1',
      network_functions: [{ vnf_id: 'vnf_a', vnf_group: 'x', vnf_name: 'a', vnf_version: '0.1' }],
      virtual_links: [],
    },
    a: { vendor: undefined, name: undefined, version: undefined, vnf_group: 'x', vnf_name: 'a', vnf_version: '0.1' },
  },
  [],
  (t, found) => {
    t.match(found, {
      vendor: 'g',
      name: 'n',
      version: '1',
      description: 'd',
      service: { vendor: 'g', name: 'n', version: '1' },
    })
    t.match(found.service.functions[0]?.descriptor, { vendor: 'x', name: 'a', version: '0.1' })
  },
)
accepted(
  'no name in the manifest: the service has one',
  { manifest: { vendor: undefined, name: undefined, version: undefined } },
  [],
  (t, found) => {
    t.match(found, { vendor: 'example', name: 'sample', version: '0.1' })
  },
)
accepted(
  'versions that are numbers keep their text',
  {
    files: {
      [aPath]:
        'name: a\nvendor: example\nversion: 0.10\nvirtual_deployment_units: [{vm_image: x, vm_image_format: docker}]\n',
    },
    ...functions({ ...wanted, vnf_version: '0.10' }),
  },
  [],
  (t, found) => {
    t.equal(found.service.functions[0]?.descriptor.version, '0.10')
  },
)
accepted('a function of another version', functions({ ...wanted, vnf_version: '9.9' }), ['FUNCTION_VERSION'])
accepted('functions without vendor and version', functions({ vnf_id: 'x', vnf_name: 'a' }), [])
accepted('two functions of one descriptor', functions(wanted, { ...wanted, vnf_id: 'vnf_c' }), [], (t, found) => {
  t.equal(found.service.functions[0]?.descriptor, found.service.functions[1]?.descriptor)
})
accepted(
  'two descriptors of one name: the one that agrees',
  {
    ...functions({ ...wanted, vnf_version: '2' }),
    files: {
      'function_descriptors/a2.yml': vnfd('a', { version: '2' }),
      'function_descriptors/a3.yml': vnfd('a', { version: '3' }),
    },
  },
  ['FUNCTION_TWICE'],
  (t, found) => {
    t.equal(found.service.functions[0]?.descriptor.version, '2')
  },
)
accepted(
  'two descriptors of one name, none agrees: the last',
  {
    ...functions({ ...wanted, vnf_version: '9' }),
    files: { 'function_descriptors/a2.yml': vnfd('a', { version: '2' }) },
  },
  ['FUNCTION_VERSION', 'FUNCTION_TWICE'],
  (t, found) => {
    t.equal(found.service.functions[0]?.descriptor.version, '2')
  },
)
accepted(
  'a key twice: the last one',
  {
    files: {
      [aPath]:
        'version: x\nname: a\nversion: 0.1\nvendor: example\nvirtual_deployment_units: [{vm_image: x, vm_image_format: docker}]\n',
    },
    nsd: { network_functions: [wanted], virtual_links: [] },
  },
  ['DUPLICATE_KEY'],
)
accepted('JSON', { files: { [nsdPath]: JSON.stringify(nsd()) } }, [])
accepted(
  'no links, no access points, no forwarding graphs',
  { nsd: { virtual_links: null, connection_points: undefined, forwarding_graphs: undefined } },
  [],
  (t, found) => {
    t.strictSame(found.service.links, [])
    t.equal(found.service.hasForwardingGraphs, false)
  },
)
accepted('forwarding_graphs that is empty', { nsd: { forwarding_graphs: null } }, [], (t, found) =>
  t.equal(found.service.hasForwardingGraphs, true),
)
accepted('contents without a type', { files: { 'META-INF/MANIFEST.MF': manifestWith({ untyped: true }) } }, [])
t.test('of many connection points ten are named', async (t) => {
  const many = Array.from({ length: 12 }, (_, index) => ({ id: `port${String(index)}` }))
  const nowhere = { virtual_links: [link('l', 'E-LAN', 'vnf_a:zzz', 'vnf_b:mgmt')] }
  const { diagnostics } = await parseSample({ a: { connection_points: many }, nsd: nowhere })
  t.match(diagnostics[0]?.message, /it has port0, .*, port9 and 2 more$/)
})
accepted('a description in another script', { manifest: { description: 'Фильтр ☃' } }, [])

// Manifests that name no service.
refused('no manifest', { files: { 'META-INF/MANIFEST.MF': undefined } }, 'NO_MANIFEST pack.son:1')
for (const [name, content] of Object.entries({
  'a manifest of Java': 'Manifest-Version: 1.0\n',
  'an empty manifest': '',
})) {
  refused(
    name,
    { files: { 'META-INF/MANIFEST.MF': content } },
    name.startsWith('an') ? 'EMPTY META-INF/MANIFEST.MF:1' : 'NO_SERVICE META-INF/MANIFEST.MF:1',
  )
}
refused(
  'a manifest that is a list',
  { files: { 'META-INF/MANIFEST.MF': '- a\n' } },
  'WRONG_TYPE META-INF/MANIFEST.MF:1',
)
refused(
  'a manifest of two documents',
  { files: { 'META-INF/MANIFEST.MF': 'a: 1\n---\nb: 1\n' } },
  'SECOND_DOCUMENT META-INF/MANIFEST.MF:3',
)
refused(
  'keys saved by a Ruby program',
  { files: { 'META-INF/MANIFEST.MF': ':entry_service_template: /service_descriptors/nsd.yml\n' } },
  'NO_SERVICE META-INF/MANIFEST.MF:1',
)
for (const entry of [null, 42, '', ['x'], { a: 1 }]) {
  refused(
    `a service that is ${JSON.stringify(entry)}`,
    { manifest: { entry_service_template: entry } },
    `NO_SERVICE META-INF/MANIFEST.MF:${typeof entry === 'object' && entry !== null ? '6' : '5'}`,
  )
}
for (const entry of [
  '/service_descriptors',
  '/service_descriptors/other.yml',
  'http://127.0.0.1:9/nsd.yml',
  'file:///etc/passwd',
  '/../../etc/passwd',
]) {
  refused(
    `a service at ${entry}`,
    { manifest: { entry_service_template: entry } },
    'FILE_MISSING META-INF/MANIFEST.MF:5',
  )
}
refused(
  'a name that could not be written in a manifest',
  { manifest: { vendor: 'a/b', name: 'a b', version: '1:2' } },
  'PACKAGE_NAME META-INF/MANIFEST.MF:1',
  'PACKAGE_NAME META-INF/MANIFEST.MF:2',
  'PACKAGE_NAME META-INF/MANIFEST.MF:3',
)
refused(
  'no name at all',
  { manifest: { name: undefined }, nsd: { name: undefined } },
  'PACKAGE_NAME service_descriptors/nsd.yml:1',
)
refused(
  'a service that is a function',
  { manifest: { entry_service_template: `/${aPath}` } },
  `NO_FUNCTIONS ${aPath}:1`,
)

// Contents.
refused(
  'a listed function is missing',
  {
    files: {
      'META-INF/MANIFEST.MF': manifestWith({
        extra: '/function_descriptors/c.yml',
        extraType: 'application/sonata.function_descriptor',
      }),
    },
  },
  'FILE_MISSING META-INF/MANIFEST.MF:14',
)
refused(
  'functions of an unknown content type',
  { files: { 'META-INF/MANIFEST.MF': manifestWith({ functionType: 'text/plain' }) } },
  `FUNCTION_MISSING ${nsdPath}:7`,
  `FUNCTION_MISSING ${nsdPath}:11`,
)
refused(
  'contents that are a map',
  { manifest: { package_content: { a: 1 } } },
  'WRONG_TYPE META-INF/MANIFEST.MF:7',
  `FUNCTION_MISSING ${nsdPath}:7`,
  `FUNCTION_MISSING ${nsdPath}:11`,
)
refused(
  'contents that are texts',
  { manifest: { package_content: ['/service_descriptors/nsd.yml', { name: 7 }] } },
  'CONTENT META-INF/MANIFEST.MF:7',
  'CONTENT META-INF/MANIFEST.MF:8',
  `FUNCTION_MISSING ${nsdPath}:7`,
  `FUNCTION_MISSING ${nsdPath}:11`,
)
refused(
  'no contents',
  { manifest: { package_content: [] } },
  `FUNCTION_MISSING ${nsdPath}:7`,
  `FUNCTION_MISSING ${nsdPath}:11`,
)
refused('a function without a name', { a: { name: undefined } }, `VNF_NAME ${aPath}:1`, `FUNCTION_MISSING ${nsdPath}:7`)
refused('a function that is no YAML', { files: { [aPath]: 'a: [\n' } }, `YAML_SYNTAX ${aPath}:2`)
refused('an empty service', { files: { [nsdPath]: '# empty\n' } }, `EMPTY ${nsdPath}:1`)
refused(
  'a descriptor beyond all bounds',
  { files: { [nsdPath]: Buffer.alloc(2 * 1024 * 1024 + 1, '#') } },
  `TOO_LARGE ${nsdPath}:1`,
)

// Functions.
refused('no functions', { nsd: { network_functions: undefined } }, `NO_FUNCTIONS ${nsdPath}:1`)
refused('functions that are empty', { nsd: { network_functions: null } }, `NO_FUNCTIONS ${nsdPath}:4`)
refused('functions that are no list', { nsd: { network_functions: 'x' } }, `WRONG_TYPE ${nsdPath}:4`)
refused('an empty list of functions', { nsd: { network_functions: [] } }, `NO_FUNCTIONS ${nsdPath}:4`)
refused('an id twice', functions(wanted, wanted), `DUPLICATE_VNF_ID ${nsdPath}:6`)
refused('a function without vnf_name', functions({ vnf_id: 'x' }), `VNF_NAME ${nsdPath}:5`)
for (const id of [7, '-a', 'a b', 'a\nb', '$(id)', '../../x', 'é', 'x'.repeat(200), null, ['x'], true]) {
  refused(
    `the vnf_id ${JSON.stringify(id)}`,
    functions({ ...wanted, vnf_id: id }),
    `VNF_ID ${nsdPath}:${Array.isArray(id) ? '6' : '5'}`,
  )
}
t.test('words that YAML 1.1 takes for booleans must be quoted', async (t) => {
  const text = (id: string): string => `network_functions: [{vnf_id: ${id}, vnf_name: a}]\n`
  for (const id of ['on', 'No', 'y']) {
    t.strictSame(codesOnly((await parseSample({ files: { [nsdPath]: text(id) } })).diagnostics), ['VNF_ID'])
    t.ok((await parseSample({ files: { [nsdPath]: text(`"${id}"`) } })).package)
  }
})

// Access points.
accepted(
  'access points that make no SAP',
  points({ id: 'ns:a', type: 'interface' }, { id: 'b', type: 'externals' }, { id: 'c', type: ['x'] }),
  ['ACCESS_POINT_TYPE', 'ACCESS_POINT_TYPE', 'ACCESS_POINT_TYPE'],
  (t, found) => {
    t.strictSame(
      found.service.accessPoints.map(({ type }) => type),
      ['none', 'none', 'none'],
    )
  },
)
accepted('an access point without type is internal', points({ id: 'ns:a' }, { id: 'b', type: '' }), [], (t, found) => {
  t.strictSame(
    found.service.accessPoints.map(({ type }) => type),
    ['internal', 'internal'],
  )
})
accepted(
  'access points that are twice or clash',
  points({ id: 'ns:in', type: 'internal' }, { id: 'ns:in', type: 'internal' }, { id: 'ns_in', type: 'internal' }),
  ['DUPLICATE_POINT', 'DUPLICATE_POINT'],
  (t, found) => {
    t.strictSame(
      found.service.accessPoints.map(({ id }) => id),
      ['ns:in'],
    )
  },
)
for (const id of ['x;touch y', 'a:b:c', ':', 'ns:', null, undefined, ['x']]) {
  refused(
    `an access point ${id === undefined ? 'without id' : JSON.stringify(id)}`,
    points({ id, type: 'external' }),
    `POINT_ID ${nsdPath}:${Array.isArray(id) ? '15' : '14'}`,
  )
}

// Links.
accepted(
  'links of other kinds are kept',
  links(link('a', 'e-line', 'vnf_a:input', 'vnf_b:input'), link('b', 'E-Tree', 'vnf_a:input', 'vnf_b:input'), {
    id: 'c',
    connection_points_reference: ['vnf_a:mgmt', 'vnf_b:mgmt'],
  }),
  ['LINK_TYPE', 'LINK_TYPE'],
  (t, found) => {
    t.strictSame(
      found.service.links.map(({ type, typeText }) => [type, typeText]),
      [
        ['unknown', 'e-line'],
        ['E-Tree', 'E-Tree'],
        ['unknown', ''],
      ],
    )
  },
)
accepted(
  'a link without id',
  links({ connectivity_type: 'E-LAN', connection_points_reference: ['vnf_a:mgmt', 'vnf_b:mgmt'] }),
  ['LINK_ID'],
  (t, found) => t.equal(found.service.links[0]?.id, 'link-1'),
)
accepted(
  'virtual_link_id, and a number',
  links(
    { virtual_link_id: 'x', connectivity_type: 'E-LAN', connection_points_reference: ['vnf_a:mgmt', 'vnf_b:mgmt'] },
    { ...link('', 'E-LAN', 'vnf_a:mgmt', 'vnf_b:mgmt'), id: 7 },
  ),
  [],
  (t, found) =>
    t.strictSame(
      found.service.links.map(({ id }) => id),
      ['x', '7'],
    ),
)
accepted(
  'an E-Line of three ends',
  links(link('a', 'E-Line', 'vnf_a:input', 'vnf_b:input', 'ns:mgmt')),
  ['LINK_ENDS'],
  (t, found) => t.equal(found.service.links[0]?.ends.length, 3),
)
accepted('E-LANs of one end and none', links(link('a', 'E-LAN', 'vnf_a:input'), link('b', 'E-LAN')), [
  'LINK_ENDS',
  'LINK_ENDS',
])
accepted(
  'a pair of E-Lines, one for each way',
  links(link('a', 'E-Line', 'vnf_a:input', 'vnf_b:input'), link('b', 'E-Line', 'vnf_b:input', 'vnf_a:input')),
  [],
)
accepted(
  'references that lead nowhere',
  links(link('a', 'E-LAN', 'vnf_a:nothere', 'vnf_z:input', 'ns:nothere', 'nothere', 'vnf_a:inptu')),
  Array.from({ length: 5 }, () => 'LINK_NOWHERE'),
  (t, found) => {
    t.strictSame(found.service.links[0]?.ends[1], { raw: 'vnf_z:input', owner: 'vnf_z', interface: 'input' })
    t.strictSame(
      found.notices.map(({ message }) => message),
      [
        'vnf_a has no connection point "nothere"; it has mgmt, input and output',
        '"vnf_z:input" is neither a function nor a service access point; did you mean "vnf_a"?',
        '"ns:nothere" is neither a function nor a service access point; there are vnf_a, vnf_b, ns:mgmt, ns:input and output',
        '"nothere" is neither a function nor a service access point; there are vnf_a, vnf_b, ns:mgmt, ns:input and output',
        'vnf_a has no connection point "inptu"; did you mean "input"?',
      ],
    )
  },
)
accepted(
  'references are cleaned as declarations are',
  {
    a: { connection_points: [{ id: 'vnf:in_put' }, { id: 'a-very-long-interface-name' }] },
    ...links(link('a', 'E-LAN', 'vnf_a:in_put', 'vnf_a:in.put', 'vnf_a:a-very-long-interface-name')),
  },
  ['INTERFACE_NAME', 'INTERFACE_NAME'],
  (t, found) => {
    const names = found.service.functions[0]?.descriptor.interfaces.map(({ name }) => name) ?? []
    t.match(names, ['in-put', /^a-very-lon-.{4}$/])
    t.strictSame(
      found.service.links[0]?.ends.map((end) => end.interface),
      [names[0], names[0], names[1]],
    )
  },
)
accepted(
  'an end without colon means function and interface of one name',
  {
    nsd: {
      network_functions: [{ ...wanted, vnf_id: 'input' }],
      virtual_links: [link('a', 'E-Line', 'input', 'ns:mgmt')],
    },
  },
  [],
  (t, found) => {
    t.strictSame(found.service.links[0]?.ends[0], { raw: 'input', owner: 'input', interface: 'input' })
  },
)
const linkAt = `${nsdPath}:24`
for (const reference of [':', 'a:b:c', 'vnf_a:', '$(id):x', '']) {
  refused(
    `the reference ${JSON.stringify(reference)}`,
    links(link('a', 'E-LAN', reference, 'vnf_b:mgmt')),
    `LINK_REFERENCE ${linkAt}`,
  )
}
for (const reference of [null, { a: 1 }, ['x']]) {
  refused(
    `the reference ${JSON.stringify(reference)}`,
    links(link('a', 'E-LAN', reference, 'vnf_b:mgmt')),
    `LINK_REFERENCE ${nsdPath}:24`,
  )
}
refused('no references', links({ id: 'a', connectivity_type: 'E-LAN' }), `LINK_ENDS ${nsdPath}:21`)
refused('a link that is text', links('vnf_a:mgmt'), `LINK_ENDS ${nsdPath}:21`)
refused('an E-Line to itself', links(link('a', 'E-Line', 'vnf_a:output', 'vnf_a:output')), `LINK_ENDS ${linkAt}`)
refused('an E-Line of one end', links(link('a', 'E-Line', 'vnf_a:output')), `LINK_ENDS ${linkAt}`)
for (const id of [['x'], 'a\nb', 'x'.repeat(300)]) {
  refused(
    `the link id ${JSON.stringify(id).slice(0, 20)}`,
    links({ ...link('', 'E-LAN', 'vnf_a:mgmt', 'vnf_b:mgmt'), id }),
    `LINK_ID ${nsdPath}:${Array.isArray(id) ? '22' : '21'}`,
  )
}
refused('links that are no list', { nsd: { virtual_links: 'x' } }, `WRONG_TYPE ${nsdPath}:20`)

t.test('bounds on what one package can ask for', async (t) => {
  const many = Array.from({ length: 1_001 }, (_, index) => ({ vnf_id: `f${String(index)}`, vnf_name: 'a' }))
  t.strictSame(
    codes((await parseSample({ nsd: { network_functions: many, virtual_links: [] } })).diagnostics, 'error'),
    [`TOO_LARGE ${nsdPath}:5`],
  )
  const comment = `#${'x'.repeat(500_000)}\nname: a\n`
  const heavy = {
    'function_descriptors/x.yml': comment,
    'function_descriptors/y.yml': comment,
    'function_descriptors/z.yml': comment,
  }
  t.match(codes((await parseSample({ files: heavy })).diagnostics, 'error'), ['TOO_LARGE function_descriptors/z.yml:1'])
  const listed = Array.from({ length: 60 }, (_, index) => ({
    name: `/function_descriptors/f${String(index)}.yml`,
    'content-type': 'application/sonata.function_descriptor',
  }))
  const { diagnostics } = await parseSample({ manifest: { package_content: listed } })
  t.match(diagnostics[0]?.message, /did you mean/)
  t.notMatch(diagnostics[55]?.message, /did you mean|holds/)
  const nowhere = Array.from({ length: 300 }, (_, index) => `vnf_${String(index)}:input`)
  const links = Array.from({ length: 2 }, (_, index) => link(`l${String(index)}`, 'E-LAN', ...nowhere))
  const lost = (await parseSample({ nsd: { virtual_links: links } })).diagnostics
  t.equal(lost.length, 500)
  t.match(lost[0]?.message, /did you mean/)
  t.match(lost[499]?.message, /there are vnf_a, vnf_b/)
})

t.test('an archive that is wrapped in a directory, or of the other format', async (t) => {
  const files = sampleFiles()
  const wrapped = await zip(entriesOf(files).map((entry) => ({ ...entry, path: `inner/${entry.path}` })))
  const inside = await parsePackage('p.son', bytesInMemory(wrapped))
  t.match(inside.diagnostics[0], { code: 'NO_MANIFEST', message: /one directory down, in "inner\/"/ })
  const other = await parsePackage('p.tgo', bytesInMemory(await zip(entriesOf(files))))
  t.ok(other.package, 'the format is taken from the contents')
  const empty = await parsePackage('p.tgo', bytesInMemory(await zip([{ path: 'x', bytes: Buffer.alloc(1) }])))
  t.match(empty.diagnostics[0], {
    code: 'NO_MANIFEST',
    message: 'no TOSCA-Metadata/NAPD.yaml in the package; it holds x',
  })
})

interface ManifestChange {
  readonly md5?: string
  readonly plural?: boolean
  readonly extra?: string
  readonly extraType?: string
  readonly functionType?: string
  readonly untyped?: boolean
}

function manifestWith(change: ManifestChange): Yaml {
  const type = (kind: string): string => `application/sonata.${kind}_descriptor${change.plural === true ? 's' : ''}`
  const sum = change.md5 === undefined ? {} : { md5: change.md5 }
  const functionType = change.functionType ?? type('function')
  const content = [
    { name: '/service_descriptors/nsd.yml', 'content-type': type('service'), ...sum },
    { name: '/function_descriptors/a.yml', 'content-type': functionType, ...sum },
    { name: 'function_descriptors/b.yml', 'content-type': functionType, ...sum },
    ...(change.untyped === true ? [{ name: '/service_descriptors/nsd.yml' }] : []),
    ...(change.extra === undefined ? [] : [{ name: change.extra, 'content-type': change.extraType ?? 'text/plain' }]),
  ]
  return {
    vendor: 'example',
    name: 'sample',
    version: '0.1',
    description: 'x',
    entry_service_template: '/service_descriptors/nsd.yml',
    note: 'y',
    package_content: content,
  }
}
