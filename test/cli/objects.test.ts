import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { instanceManifest, startApi } from '../support/api-server.ts'
import { yamlOf } from '../support/api-backend.ts'
import { sonctlFor } from '../support/sonctl.ts'

t.test('apply, get, describe and delete', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)

  const nothing = await run(['get'])
  t.match(nothing, { code: 0, out: /^$/, err: 'No objects found.\n' })
  for (const [words, err] of [
    ['all', 'No objects found.\n'],
    ['dc,link', 'No objects found.\n'],
    ['dc', 'No datacenters found.\n'],
  ] as const)
    t.match(await run(['get', words]), { code: 0, err }, words)
  t.match(await run(['get', 'dc,cake']), { code: 2, err: /"cake" is no kind/ })

  const applied = await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  t.match(applied, { code: 0, out: 'instance/demo created\n', err: /^$/ })
  const again = await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  t.match(again, { code: 0, out: 'instance/demo unchanged\n' })

  for (const words of [['instance'], ['si', 'demo'], ['instance/demo'], ['instances', 'instance/demo']]) {
    const { code, out } = await run(['get', ...words])
    t.equal(code, 0)
    t.match(
      out,
      /^NAME +READY +STATUS +REASON +FUNCTIONS +AGE +PACKAGE\ndemo +True +Running +- +- +\S+ +demo\n$/,
      words.join(' '),
    )
  }
  t.match(await run(['get', '-o', 'name']), { code: 0, out: 'instance/demo\n' })
  t.match(await run(['get', 'si', '-o', 'wide']), { out: /GENERATION +FILE\n.* +1 +serviceinstance-demo.yaml\n$/ })

  const one = await run(['get', 'instance', 'demo', '-o', 'json'])
  t.match(JSON.parse(one.out), { kind: 'ServiceInstance', status: { conditions: [{ type: 'Ready', status: 'True' }] } })
  const list = await run(['get', 'instances', '-o', 'yaml'])
  t.match(yamlOf(list.out), { kind: 'List', items: [{ metadata: { name: 'demo' } }] })

  daemon.tell({ message: 'container sond.demo.0.fw.0 started', count: 3 })
  const described = await run(['describe', 'instance/demo'])
  t.match(described.out, /^Name: +demo\n/)
  t.match(described.out, /Conditions:\n {2}TYPE +STATUS/)
  t.match(described.out, /Events:\n {2}LAST SEEN[^\n]*\n[^\n]*instance\/demo +3 +container sond.demo.0.fw.0 started\n/)

  t.match(await run(['delete', 'instance', 'demo', '--wait']), {
    code: 0,
    out: 'instance/demo removed from serviceinstance-demo.yaml\ninstance/demo deleted\n',
  })
  const missing = await run(['delete', 'instance/demo'])
  t.match(missing, { code: 1, err: /^error: no instance named "demo"\n/ })
  t.match(await run(['delete', 'instance/demo', '--ignore-not-found']), { code: 0, err: /^$/ })
})

t.test('a selector picks by labels', async (t) => {
  const { where } = await startApi(t)
  const run = sonctlFor(where)
  const labelled = JSON.stringify({
    ...JSON.parse(instanceManifest('a')),
    metadata: { name: 'a', labels: { team: 'x', tier: '1' } },
  })
  await run(['apply', '-f', '-'], { input: `${labelled}\n---\n${instanceManifest('b')}` })
  t.match(await run(['get', '-o', 'name', '-l', 'team=x']), { out: 'instance/a\n' })
  t.match(await run(['get', '-o', 'name', '-l', 'team,tier=1']), { out: 'instance/a\n' })
  t.match(await run(['get', '-o', 'name', '-l', 'team=y']), { out: /^$/ })
})

t.test('apply takes files, directories and packages; one refused file does not stop the others', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  const directory = t.testdir({
    'a.yaml': instanceManifest('a'),
    'bad.yaml': 'kind: Cake\n',
    'pack.son': 'PK-demo',
    'notes.txt': 'not a manifest',
    '.hidden.yaml': 'kind: Cake',
    'b.yaml~': 'kind: Cake',
    below: { 'c.json': instanceManifest('c') },
  })
  const ended = await run(['apply', '-f', directory])
  t.equal(ended.code, 1)
  t.equal(ended.out, 'package/pack onboarded\ninstance/a created\ninstance/c created\n')
  t.equal(ended.err, `${join(directory, 'bad.yaml')}:1:1: kind must be ServiceInstance\n`)
  t.same([...daemon.files.keys()].sort(), ['serviceinstance-a.yaml', 'serviceinstance-c.yaml'])

  const dry = await run(['apply', '--dry-run', '-f', join(directory, 'pack.son'), '-f', '-'], {
    input: instanceManifest('d'),
  })
  t.match(dry, { code: 0, out: /would be uploaded\ninstance\/d created \(dry run\)\n1 step for instance d\n/ })
  t.notOk(daemon.files.has('serviceinstance-d.yaml'))

  await writeFile(join(directory, 'bad.yaml'), instanceManifest('e'))
  t.match(await run(['apply', '--wait', '-f', join(directory, 'bad.yaml')]), {
    code: 0,
    out: 'instance/e created\ninstance/e condition met\n',
  })
  t.match(await run(['delete', '-f', join(directory, 'a.yaml'), '-f', join(directory, 'below')]), {
    code: 0,
    out: /instance\/a removed.*\ninstance\/c removed/,
  })
  t.match(await run(['apply', '-f', join(directory, 'none.yaml')]), {
    code: 1,
    err: /none.yaml: there is no such file or directory\n$/,
  })
})

t.test('names of files keep their slashes, and nothing printed moves the cursor', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  const get = daemon.get.bind(daemon)
  const asked: string[] = []
  daemon.get = async (kind, name) => {
    asked.push(name)
    return get(kind, name)
  }
  await run(['get', 'file/below/a b.yaml'])
  t.same(asked, ['below/a b.yaml'])
  daemon.tell({ message: 'red \u001b[31m text' })
  t.match(await run(['events']), { out: /red \\x1b\[31m text/ })
})

t.test('suspend, resume, prune, status, version', async (t) => {
  const { where, daemon } = await startApi(t)
  const run = sonctlFor(where)
  await run(['apply', '-f', '-'], { input: instanceManifest('demo') })
  t.match(await run(['suspend', 'instance/demo']), {
    code: 0,
    out: 'instance/demo suspended (serviceinstance-demo.yaml)\n',
  })
  t.match(await run(['get', 'si', 'demo']), { out: /demo +\S+ +Suspended/ })
  t.match(await run(['resume', 'demo']), { code: 0, out: /resumed/ })
  t.match(await run(['suspend', 'nobody']), { code: 1, err: /no instance named "nobody"\n'sonctl get instances'/ })

  t.match(await run(['prune']), { code: 0, out: 'nothing is held back\n' })
  daemon.held.push({ kind: 'Link', name: 'l', file: 'l.yaml' })
  t.match(await run(['prune']), { code: 0, out: /link\/l +l.yaml/, err: /sonctl prune --confirm/ })
  t.match(await run(['prune', '--confirm']), { code: 0, err: /being removed/ })
  t.equal(daemon.held.length, 0)

  t.match(await run(['status']), { code: 0, out: /docker +yes +answers\nready\n$/ })
  daemon.ready_ = false
  t.match(await run(['status']), { code: 1, out: /docker +no +the engine does not answer\nnot ready\n$/ })
  t.match(await run(['version', '-o', 'json']), { code: 0, out: /"server": "1.2.3"/ })
})
