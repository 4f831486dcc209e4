import { readdir, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { instanceManifest } from '../support/api-server.ts'
import { sonctl } from '../support/sonctl.ts'

const vnfd = `descriptor_version: vnfd-schema-01
vendor: eu.test
name: fw
version: "1.0"
virtual_deployment_units:
  - id: unit
    vm_image: fw:1
    vm_image_format: docker
    resource_requirements: {cpu: {vcpus: 1}, memory: {size: 1, size_unit: GB}}
    connection_points: [{id: "unit:eth0", type: internal}]
virtual_links: []
connection_points: [{id: "vnf:eth0", type: internal}]
`
const nsd = `descriptor_version: nsd-schema-01
vendor: eu.test
name: chain
version: "1.0"
network_functions:
  - {vnf_id: a, vnf_vendor: eu.test, vnf_name: fw, vnf_version: "1.0"}
  - {vnf_id: b, vnf_vendor: eu.test, vnf_name: fw, vnf_version: "1.0"}
virtual_links:
  - {id: a-b, connectivity_type: E-Line, connection_points_reference: ["a:eth0", "b:eth0"]}
forwarding_graphs: []
`
const source = {
  'package.yml': 'vendor: eu.test\nname: chain\nversion: "1.0"\n',
  service_descriptors: { 'chain.yml': nsd },
  function_descriptors: { 'fw.yml': vnfd },
}

t.test('validate tells everything about every file, without a daemon', async (t) => {
  const directory = t.testdir({
    'good.yaml': instanceManifest('good'),
    'bad.yaml':
      'apiVersion: sond.dev/v1alpha1\nkind: ServiceInstance\nmetadata: {name: bad}\nspec:\n  pakage: x\n  replicas: many\n',
    'broken.yaml': 'kind: [',
    'pack.son': 'not a zip',
  })
  const good = await sonctl(['validate', join(directory, 'good.yaml')])
  t.match(good, { code: 0, out: /good.yaml: ok\n$/, err: /^$/ })

  const { code, out, err } = await sonctl(['validate', directory])
  t.equal(code, 1)
  t.match(out, /bad.yaml:5:3: .*package/)
  t.match(out, /bad.yaml:6:\d+: /)
  t.match(out, /broken.yaml:1:\d+: /)
  t.match(out, /pack.son:1:1: /)
  t.match(out, /good.yaml: ok\n/)
  t.equal(err, '')

  t.match(await sonctl(['validate', '-'], { input: instanceManifest('x') }), { code: 0, out: '<stdin>: ok\n' })
  t.match(await sonctl(['validate', '-'], { input: 'kind: [' }), { code: 1, out: /^<stdin>:1:/ })
  t.match(await sonctl(['validate', join(directory, 'none'), join(directory, 'good.yaml')]), {
    code: 1,
    out: /good.yaml: ok/,
    err: /none: there is no such file or directory/,
  })
})

t.test('what is too large, or large and no package, is told like any finding, without being read', async (t) => {
  const directory = t.testdir({})
  const sizes = { 'big.yaml': 3 * 2 ** 30, 'big.son': 3 * 2 ** 30, 'zeros.son': 500 * 2 ** 20 }
  for (const [name, size] of Object.entries(sizes)) {
    await writeFile(join(directory, name), '')
    await truncate(join(directory, name), size) // a hole: nothing is on the disk
  }
  t.match(await sonctl(['validate', 'big.yaml'], { cwd: directory }), {
    code: 1,
    out: 'big.yaml:1:1: the file has 3221225472 bytes; at most 8388608 are read\n',
  })
  t.match(await sonctl(['validate', 'big.son'], { cwd: directory }), {
    code: 1,
    out: 'big.son:1:1: the file has 3221225472 bytes; at most 536870912 are read\n',
  })
  t.match(await sonctl(['validate', 'zeros.son'], { cwd: directory }), {
    code: 1,
    out: /^zeros.son:1:1: this is not a whole zip archive; .*\n$/,
  })
})

t.test('the name of a file moves no cursor', async (t) => {
  const directory = t.testdir({ 'a\u001b[31m.yaml': instanceManifest('good') })
  t.match(await sonctl(['validate', '.'], { cwd: directory }), { code: 0, out: 'a\\x1b[31m.yaml: ok\n' })
  t.match(await sonctl(['validate', 'b\u001b.yaml'], { cwd: directory }), {
    code: 1,
    err: /^error: b\\x1b.yaml: there is no/,
  })
})

t.test('notices go to standard error and refuse only when they shall', async (t) => {
  const empty = join(t.testdir({ 'empty.yaml': '# nothing yet\n' }), 'empty.yaml')
  t.match(await sonctl(['validate', empty]), { code: 0, out: /ok, 1 notice\n/, err: /empty.yaml:1:1: .*\[notice\]\n$/ })
  t.match(await sonctl(['validate', '--strict', empty]), { code: 1, out: /empty.yaml:1:1: /, err: /^$/ })
})

t.test('the source of a package is validated as the package it makes, what lies beside it as ever', async (t) => {
  // A fixture's folders must not be the same object twice.
  const [fine, wrong, bare] = [structuredClone(source), structuredClone(source), structuredClone(source)]
  wrong.function_descriptors['fw.yml'] = vnfd.replace('docker', 'qcow2')
  const directory = t.testdir({ fine: { ...fine, 'instance.yaml': instanceManifest('one') }, wrong, bare })
  const all = await sonctl(['validate', '.'], { cwd: directory })
  t.match(all, { code: 1, err: /^$/ })
  t.same(
    all.out
      .split('\n')
      .map((line) => line.replace(/(:8:\d+: ).*/, '$1...'))
      .sort(),
    ['', 'bare: ok', 'fine/instance.yaml: ok', 'fine: ok', 'wrong/function_descriptors/fw.yml:8:22: ...'],
  )
  t.match(await sonctl(['validate', 'bare'], { cwd: directory }), { code: 0, out: 'bare: ok\n' })
})

t.test('a directory becomes a package that validates, and the same one each time', async (t) => {
  const directory = t.testdir({ source: { ...source, '.git': { config: 'x' } } })
  const made = await sonctl(['package', 'source'], { cwd: directory })
  t.match(made, { code: 0, out: /^eu.test.chain.1.0.son \(.*KiB\)\n$/ }, made.err)
  t.match(await sonctl(['validate', '--strict', 'eu.test.chain.1.0.son'], { cwd: directory }), { code: 0 })
  t.match(await sonctl(['package', 'source', '-o', 'x.son'], { cwd: directory }), { code: 0, out: /^x.son/ })
  t.same((await readdir(directory)).sort(), ['eu.test.chain.1.0.son', 'source', 'x.son'], 'no temporary file is left')
  t.match(await sonctl(['package', 'none'], { cwd: directory }), {
    code: 1,
    err: /^error: none: there is no such file or directory\n$/,
  })
})

t.test('a directory that makes no package is told why, by its own files', async (t) => {
  const directory = t.testdir({
    source: { ...source, service_descriptors: { 'chain.yml': nsd.replace('vnf_name: fw', 'vnf_name: web') } },
  })
  const made = await sonctl(['package', 'source'], { cwd: directory })
  t.match(made, { code: 1, out: /^source\/service_descriptors\/chain.yml:6:\d+: / })
  t.same(await readdir(directory), ['source'])
})

t.test('schemas for editors', async (t) => {
  for (const kind of ['instance', 'ServiceInstance', 'si', 'datacenter', 'link', 'SondConfiguration']) {
    const { code, out } = await sonctl(['schema', kind])
    t.equal(code, 0, kind)
    t.match(JSON.parse(out), { type: 'object' }, kind)
  }
  t.match(JSON.parse((await sonctl(['schema'])).out), { anyOf: [{}, {}, {}, {}] })
  t.match(await sonctl(['schema', 'cake']), { code: 2, err: /Schemas: ServiceInstance/ })
})

t.test('completion names every command', async (t) => {
  const { code, out } = await sonctl(['completion', 'bash'])
  t.equal(code, 0)
  t.match(out, /get describe wait diff validate apply delete events logs exec package/)
  t.match(await sonctl(['completion', 'fish']), { code: 2 })
})
