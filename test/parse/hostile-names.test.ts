import t from 'tap'
import { stringify } from 'yaml'
import { checkDiagnostics } from '../../fuzz/targets/packages.ts'
import { checkService } from '../../fuzz/targets/service.ts'
import { storedZip } from '../../fuzz/targets/zip.ts'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { isError } from '../../src/model/diagnostics.ts'
import { parseConfiguration } from '../../src/parse/configuration.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { type Sample, type Yaml, link, sampleFiles, tgoFiles, unit } from './fixtures/sample.ts'

// Every field of a file that ends in a name, a command, a path or a flow, with every trick that one of those falls for. Either the file is
// refused with an error that says what is right, or what comes of it, down to the plan for the engines, has the form it must have.

const tricks: Readonly<Record<string, string>> = {
  'a command': 'x;touch /tmp/sond-pwned',
  'a substitution': '$(touch /tmp/sond-pwned)',
  'another substitution': '`touch /tmp/sond-pwned`',
  'a pipe': 'a|b',
  'a background': 'a & b',
  'a redirection': 'a>/etc/passwd',
  'a variable': '${HOME}',
  quotes: '\'"',
  'a backslash': 'a\\b',
  blanks: 'a b',
  'a path upward': '../../../etc/passwd',
  'an absolute path': '/etc/passwd',
  'a path in a name': 'a/../b',
  'a dot': '.',
  'two dots': '..',
  'an option': '-v/:/host',
  'a long option': '--privileged',
  'a new line': 'a\nb: c',
  'a return': 'a\rb',
  'a NUL': 'a\0b',
  'an escape': '\u001b[2J\u001b]0;x\u0007',
  'a tab': 'a\tb',
  'another direction': 'a\u202eb',
  'no width': 'a\u200bb',
  'a letter that looks like another': '\u0430dmin',
  'a letter in two parts': 'e\u0301',
  'half a letter': 'a\ud800',
  'a face': '\u{1f600}',
  'wide letters': '\uff0e\uff0e\uff0f',
  'a flow': 'p,actions=drop',
  'another flow': 'in_port=1,priority=65535',
  'a format': '%s%n%00',
  'an assignment': 'A=b',
  'a pattern': '*',
  'a prototype': '__proto__',
  nothing: '',
  'three hundred letters': 'x'.repeat(300),
  'a device of the system': 'lo',
  'a template': '{{7*7}}',
  'a comment': 'a#b',
}

const unitWith = (more: Yaml): Sample => ({ a: { virtual_deployment_units: [unit(more)] } })
const function_ = (more: Yaml) => [
  { vnf_id: 'vnf_a', vnf_vendor: 'example', vnf_name: 'a', vnf_version: '0.1', ...more },
  { vnf_id: 'vnf_b', vnf_vendor: 'example', vnf_name: 'b', vnf_version: '0.1' },
]

/** Fields of a package, each with a way to put a text there. */
const packageFields: Readonly<Record<string, (text: string) => Sample>> = {
  'manifest.vendor': (text) => ({ manifest: { vendor: text } }),
  'manifest.name': (text) => ({ manifest: { name: text } }),
  'manifest.version': (text) => ({ manifest: { version: text } }),
  'manifest.description': (text) => ({ manifest: { description: text } }),
  'manifest.entry_service_template': (text) => ({ manifest: { entry_service_template: text } }),
  'manifest.package_content.name': (text) => ({ manifest: { package_content: [{ name: text, 'content-type': 'x' }] } }),
  'manifest.package_content.content-type': (text) => ({
    manifest: { package_content: [{ name: 'x', 'content-type': text }] },
  }),
  'manifest.package_content.md5': (text) => ({ manifest: { package_content: [{ name: 'x', md5: text }] } }),
  'nsd.vendor': (text) => ({ nsd: { vendor: text }, manifest: { vendor: undefined } }),
  'nsd.name': (text) => ({ nsd: { name: text }, manifest: { name: undefined } }),
  'nsd.version': (text) => ({ nsd: { version: text }, manifest: { version: undefined } }),
  'nsd.vnf_id': (text) => ({ nsd: { network_functions: function_({ vnf_id: text }) } }),
  'nsd.vnf_name': (text) => ({ nsd: { network_functions: function_({ vnf_name: text }) } }),
  'nsd.vnf_name and its function': (text) => ({
    nsd: { network_functions: function_({ vnf_name: text }) },
    a: { name: text },
  }),
  'nsd.vnf_vendor': (text) => ({ nsd: { network_functions: function_({ vnf_vendor: text }) } }),
  'nsd.vnf_version': (text) => ({ nsd: { network_functions: function_({ vnf_version: text }) } }),
  'nsd.connection_points.id': (text) => ({
    nsd: {
      connection_points: [{ id: text, type: 'internal' }],
      virtual_links: [link('l', 'E-Line', text, 'vnf_a:input')],
    },
  }),
  'nsd.connection_points.id behind ns:': (text) => ({
    nsd: {
      connection_points: [{ id: `ns:${text}`, type: 'external' }],
      virtual_links: [link('l', 'E-Line', `ns:${text}`, 'vnf_a:input')],
    },
  }),
  'nsd.connection_points.type': (text) => ({ nsd: { connection_points: [{ id: 'ns:input', type: text }] } }),
  'nsd.virtual_links.id': (text) => ({ nsd: { virtual_links: [link(text, 'E-Line', 'vnf_a:output', 'vnf_b:input')] } }),
  'nsd.virtual_links.id of an E-LAN': (text) => ({
    nsd: { virtual_links: [link(text, 'E-LAN', 'vnf_a:output', 'vnf_b:input')] },
  }),
  'nsd.virtual_links.connectivity_type': (text) => ({
    nsd: { virtual_links: [link('l', text, 'vnf_a:output', 'vnf_b:input')] },
  }),
  'nsd.connection_points_reference': (text) => ({ nsd: { virtual_links: [link('l', 'E-Line', text, 'vnf_b:input')] } }),
  'nsd.connection_points_reference, the interface': (text) => ({
    nsd: { virtual_links: [link('l', 'E-Line', `vnf_a:${text}`, 'vnf_b:input')] },
  }),
  'vnfd.vendor': (text) => ({ a: { vendor: text } }),
  'vnfd.version': (text) => ({ a: { version: text } }),
  'vnfd.connection_points.id': (text) => ({
    a: { connection_points: [{ id: text, type: 'interface' }] },
    nsd: { virtual_links: [link('l', 'E-Line', `vnf_a:${text}`, 'vnf_b:input')] },
  }),
  'vnfd.connection_points.type': (text) => ({ a: { connection_points: [{ id: 'input', type: text }] } }),
  'vnfd.unit.id': (text) => ({ a: { virtual_deployment_units: [unit({ id: text }), unit({ id: 'two' })] } }),
  'vnfd.unit.vm_image': (text) => unitWith({ vm_image: text }),
  'vnfd.unit.vm_image behind a host': (text) => unitWith({ vm_image: `r.example/${text}` }),
  'vnfd.unit.vm_image, its tag': (text) => unitWith({ vm_image: `fw:${text}` }),
  'vnfd.unit.vm_image_format': (text) => unitWith({ vm_image_format: text }),
  'vnfd.unit.docker_files': (text) => unitWith({ vm_image: undefined, docker_files: text }),
  'vnfd.unit.cpu.cores': (text) => unitWith({ resource_requirements: { cpu: { cores: text } } }),
  'vnfd.unit.cpu.vcpus': (text) => unitWith({ resource_requirements: { cpu: { vcpus: text } } }),
  'vnfd.unit.memory.size': (text) => unitWith({ resource_requirements: { memory: { size: text } } }),
  'vnfd.unit.memory.size_unit': (text) => unitWith({ resource_requirements: { memory: { size: 1, size_unit: text } } }),
  'vnfd.virtual_links': (text) => ({ a: { virtual_links: [link(text, 'E-Line', `1:${text}`, 'input')] } }),
}

/** Fields of manifests. */
const manifestFields: Readonly<Record<string, (text: string) => Yaml>> = {
  'instance.metadata.name': (text) => instance({}, { name: text }),
  'instance.metadata.labels, the key': (text) => instance({}, { name: 'demo', labels: { [text]: 'x' } }),
  'instance.metadata.labels': (text) => instance({}, { name: 'demo', labels: { a: text } }),
  'instance.spec.package': (text) => instance({ package: text }),
  'instance.spec.functions.vnfId': (text) => instance({ functions: [{ vnfId: text }] }),
  'instance.spec.functions.dataCenter': (text) => instance({ functions: [{ vnfId: 'vnf_a', dataCenter: text }] }),
  'instance.spec.functions.image': (text) => instance({ functions: [{ vnfId: 'vnf_a', image: text }] }),
  'instance.spec.functions.env, the key': (text) => instance({ functions: [{ vnfId: 'vnf_a', env: { [text]: 'x' } }] }),
  'instance.spec.functions.env': (text) => instance({ functions: [{ vnfId: 'vnf_a', env: { A: text } }] }),
  'instance.spec.functions.resources.cpu.cores': (text) =>
    instance({ functions: [{ vnfId: 'vnf_a', resources: { cpu: { cores: text } } }] }),
  'instance.spec.functions.resources.memory': (text) =>
    instance({ functions: [{ vnfId: 'vnf_a', resources: { memory: text } }] }),
  'dataCenter.metadata.name': (text) => ({ ...base('DataCenter'), metadata: { name: text } }),
  'link.metadata.name': (text) => ({ ...base('Link'), metadata: { name: text }, spec: { endpoints: ['dc1', 'dc2'] } }),
  'link.spec.endpoints': (text) => ({ ...base('Link'), metadata: { name: 'l' }, spec: { endpoints: ['dc1', text] } }),
  'link.spec.bandwidth': (text) => ({
    ...base('Link'),
    metadata: { name: 'l' },
    spec: { endpoints: ['dc1', 'dc2'], bandwidth: text },
  }),
  'link.spec.delay': (text) => ({
    ...base('Link'),
    metadata: { name: 'l' },
    spec: { endpoints: ['dc1', 'dc2'], delay: text },
  }),
}

const base = (kind: string): Yaml => ({ apiVersion: 'sond.dev/v1alpha1', kind })
const instance = (spec: Yaml, metadata: Yaml = { name: 'demo' }): Yaml => ({
  ...base('ServiceInstance'),
  metadata,
  spec: { package: 'sample', saps: { deploy: true }, ...spec },
})

/** Fields of the daemon's settings; whoever writes them may run anything as it is, so here it is slips that must be told. */
const settingFields: Readonly<Record<string, (text: string) => Yaml>> = {
  owner: (text) => ({ owner: text }),
  'engines.docker': (text) => ({ engines: { docker: text } }),
  'engines.ovsdb': (text) => ({ engines: { ovsdb: text } }),
  listen: (text) => ({ listen: [text] }),
  'pools.sap.prefix': (text) => ({ pools: { sap: { prefix: text } } }),
  'results.directory': (text) => ({ results: { directory: text } }),
  'manifests.directory': (text) => ({ manifests: { directory: text } }),
}

/** JSON is YAML, and says every character without doubt. */
const yamlOf = (value: Yaml): Buffer => Buffer.from(JSON.stringify(value))

const packageOf = (sample: Sample): Buffer => storedZip([...sampleFiles(sample)])

const good = parseManifestFile('i.yaml', yamlOf(instance({}))).documents.map(({ document }) => document)

for (const [field, make] of Object.entries(packageFields)) {
  t.test(`${field} with every trick`, async (t) => {
    for (const [trick, text] of Object.entries(tricks)) {
      const { package: pack, diagnostics } = await parsePackage('p.son', bytesInMemory(packageOf(make(text))))
      checkDiagnostics(diagnostics)
      if (pack === undefined) {
        t.ok(
          diagnostics.some((one) => isError(one) && one.line >= 1 && one.file.startsWith('p.son')),
          `${trick} is refused`,
        )
        continue
      }
      t.doesNotThrow(() => checkService(pack, good), `${trick} is taken, and harmless`)
    }
  })
}

for (const [field, make] of Object.entries(manifestFields)) {
  t.test(`${field} with every trick`, async (t) => {
    const { package: pack } = await parsePackage('p.son', bytesInMemory(packageOf({})))
    if (pack === undefined) throw new Error('the sample is refused')
    for (const [trick, text] of Object.entries(tricks)) {
      const { documents, diagnostics } = parseManifestFile('m.yaml', yamlOf(make(text)))
      checkDiagnostics(diagnostics)
      if (documents.length === 0) {
        t.ok(
          diagnostics.some((one) => isError(one) && / (?:is|are) right|required/.test(one.message)),
          `${trick}: ${diagnostics.map(({ message }) => message).join('; ')}`,
        )
        continue
      }
      const all = documents.map(({ document }) => document)
      const others = all.some(({ kind }) => kind === 'ServiceInstance') ? [] : good
      t.doesNotThrow(() => checkService(pack, [...others, ...all]), `${trick} is taken, and harmless`)
    }
  })
}

for (const [field, make] of Object.entries(settingFields)) {
  t.test(`the setting ${field} with every trick`, async (t) => {
    for (const [trick, text] of Object.entries(tricks)) {
      const { configuration, diagnostics } = parseConfiguration(
        'sond.yaml',
        yamlOf({ ...base('SondConfiguration'), spec: make(text) }),
      )
      checkDiagnostics(diagnostics)
      if (configuration === undefined)
        t.ok(
          diagnostics.some(({ message }) => / (?:is|are) right/.test(message)),
          trick,
        )
      else t.notMatch(stringify(configuration), /\p{Cc}(?<!\n)/u, trick)
    }
  })
}

t.test('a folder that an image is built from stays below the package', async (t) => {
  for (const [trick, text] of Object.entries(tricks)) {
    const files = sampleFiles(unitWith({ vm_image: undefined, docker_files: text }))
    files.set('docker_files/a/Dockerfile', Buffer.from('FROM scratch\n'))
    const { package: pack } = await parsePackage('p.son', bytesInMemory(storedZip([...files])))
    if (pack !== undefined) t.doesNotThrow(() => checkService(pack, good), trick)
  }
})

t.test('a package of the successor format with every trick', async (t) => {
  for (const [trick, text] of Object.entries(tricks)) {
    for (const vnf of [
      { id: text, image: 'a:1' },
      { id: 'u', image: text },
    ]) {
      const functions = { vendor: 'e', name: 'native', version: '0.9', cloudnative_deployment_units: [vnf] }
      for (const manifest of [{}, { name: text }, { vendor: text, version: text }]) {
        const { package: pack, diagnostics } = await parsePackage(
          'p.tgo',
          bytesInMemory(storedZip([...tgoFiles(functions, {}, manifest)])),
        )
        checkDiagnostics(diagnostics)
        if (pack !== undefined) t.doesNotThrow(() => checkService(pack, good), trick)
      }
    }
  }
})
