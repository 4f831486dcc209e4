// A daemon with a running service, and everything hostile at once: dropped into its directory, and sent to it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { apiRoot } from '../../src/api/paths.ts'
import { sampleFiles } from '../parse/fixtures/sample.ts'
import { corpusDirectory } from '../support/corpus.ts'
import { craftZip, deflated, stored, type CraftedEntry } from '../support/hostile-zip.ts'
import { ask, formOf } from '../support/http.ts'
import { buildManifest, buildPackage, chainSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const main = join(import.meta.dirname, '../../src/main.ts')

const pack = (...more: readonly CraftedEntry[]): Buffer =>
  craftZip([...[...sampleFiles()].map(([path, bytes]) => stored(path, bytes)), ...more])
const withNsd = (text: string): Buffer =>
  craftZip(
    [...sampleFiles().set('service_descriptors/nsd.yml', Buffer.from(text))].map(([path, bytes]) =>
      stored(path, bytes),
    ),
  )

const text = Buffer.from('x')
const bomb = Array.from('abcdefghi')
  .map((key, index, keys) => `${key}: &${key} [${`${index === 0 ? 'x' : `*${keys[index - 1] ?? ''}`}, `.repeat(9)}]`)
  .join('\n')
const header = 'apiVersion: sond.dev/v1alpha1\nkind: ServiceInstance\nmetadata: {name: evil}\n'

const packages: Readonly<Record<string, Buffer>> = {
  'slip.son': pack({ name: '../../slipped', data: text }),
  'absolute.son': pack({ name: '/tmp/son-hostile-pwned-own', data: text }),
  'link.son': pack({ name: 'l', data: Buffer.from('/tmp'), mode: 0o120777 }, stored('l/son-hostile-pwned-own', text)),
  'twice.son': pack(stored('a', text), stored('a', text)),
  'zeros.son': pack(deflated('zeros', Buffer.alloc(32 * 1024 * 1024))),
  'lies.son': pack({ name: 'f', data: text, method: 8, size: 0xffff_fffe }),
  'half.son': pack().subarray(0, 1_000),
  'encrypted.son': pack({ name: 'a', data: Buffer.alloc(13), size: 1, flags: 0x0801 }),
  'bomb.son': withNsd(bomb),
  'deep.son': withNsd('['.repeat(100_000)),
  'many.son': withNsd(`network_functions: [${'{},'.repeat(100_000)}]`),
  'tag.son': withNsd('!!python/object/apply:os.system ["id"]'),
  'page.son': Buffer.from('<!doctype html>'),
  'empty.tgo': craftZip([]),
}

const manifests: Readonly<Record<string, string>> = {
  'bomb.yaml': bomb,
  'deep.yaml': '- '.repeat(100_000),
  'long.yaml': `${header}spec: {package: "${'x'.repeat(10_000_000)}"}`,
  'nul.yaml': `${header}spec: {package: "a\0b"}`,
  'proto.yaml': `${header}__proto__: {spec: {package: chain}}\n`,
  'shell.yaml': header.replace('evil', '"; rm -rf /"'),
  'path.yaml': header.replace('evil', '../../etc/x'),
  'copies.yaml': `${header}spec: {package: chain, replicas: 100000}`,
  'env.yaml': `${header}spec: {package: chain, functions: [{vnfId: x, env: {"A=B\\n": "\\0"}}]}`,
  'image.yaml': `${header}spec: {package: chain, functions: [{vnfId: x, image: "--privileged"}]}`,
  'take.yaml': `${header.replace('evil', 'demo')}spec: {package: chain, replicas: 9}`,
  'tag.json': '{"apiVersion": !!js/function "x"}',
}

t.test('the daemon lives on and its running service is untouched, whatever it is given', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-hostile-'))
  t.teardown(() => rm(directory, { recursive: true, force: true }))
  const watched = join(directory, 'manifests')
  await mkdir(watched)
  const socketPath = join(directory, 'api.sock')
  const where = { socketPath }
  let log = ''
  const daemon = spawn(
    process.execPath,
    [
      ...[main, 'run', '--engines', 'memory', '--manifests', watched],
      ...[
        '--state-dir',
        join(directory, 'state'),
        '--run-dir',
        join(directory, 'run'),
        '--listen',
        `unix:${socketPath}`,
      ],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  daemon.stderr.setEncoding('utf8').on('data', (part: string) => (log += part))
  t.teardown(async () => {
    if (daemon.exitCode !== null) return
    daemon.kill('SIGKILL')
    await once(daemon, 'exit')
  })
  await until('it to be ready', () =>
    ask(where, '/readyz').then(
      ({ status }) => status === 200,
      () => false,
    ),
  )
  await writeFile(join(watched, 'chain.son'), await buildPackage(chainSketch('chain', 3, 'anything:1')))
  await writeFile(join(watched, 'demo.yaml'), buildManifest('demo', 'chain', {}))

  interface Told {
    readonly accepted: boolean
    readonly diagnostics: readonly { readonly severity: string; readonly message: string }[]
  }
  interface Seen {
    readonly metadata: { readonly generation: number }
    readonly status: {
      readonly conditions: readonly { readonly type: string; readonly status: string }[]
      readonly functions: unknown
    }
  }
  const look = async (): Promise<Seen | undefined> => {
    const { status, json } = await ask(where, `${apiRoot}/instances/demo`)
    return status === 200 ? (json() as Seen) : undefined // docs/api.md
  }
  const ready = async (): Promise<Seen | undefined> => {
    const seen = await look()
    return seen?.status.conditions.some(({ type, status }) => type === 'Ready' && status === 'True') === true
      ? seen
      : undefined
  }
  const before = await until('the service to run', ready)

  const corpus = await corpusDirectory()
  const given =
    corpus === undefined ? [] : (await readdir(join(corpus, 'hostile'))).filter((name) => name.endsWith('.son'))
  const names = [...Object.keys(packages), ...Object.keys(manifests)]
  await Promise.all([
    ...Object.entries({ ...packages, ...manifests }).map(([name, content]) => writeFile(join(watched, name), content)),
    ...given.map(async (name) =>
      writeFile(join(watched, `given-${name}`), await readFile(join(corpus ?? '', 'hostile', name))),
    ),
  ])

  // Meanwhile the same comes over the API, in both its forms.
  for (const [name, bytes] of Object.entries(packages)) {
    const raw = await ask(where, `${apiRoot}/packages?name=sent-${name}`, { method: 'POST', body: bytes })
    t.equal(raw.status, 422, `${name}: ${raw.text}`)
    t.match(raw.json(), { error: { code: 'INVALID' } }, name)
    t.match(raw.text, /"severity":"error"/, `${name}: why`)
    const form = await ask(where, '/packages', { method: 'POST', ...formOf('package', `../../${name}`, bytes) })
    t.equal(form.status, 500, `the gatekeeper's answer to ${name}`)
    t.match(form.json(), { service_uuid: null, error: /./ })
  }
  for (const [name, body] of Object.entries(manifests)) {
    if (name === 'take.yaml') continue // over the API that is an edit, and may be
    // A body that is far too long is not read to its end: the connection closes on whoever still sends.
    const refused = { status: 413, text: '' }
    const sent = ask(where, `${apiRoot}/manifests`, { method: 'POST', body })
    const { status, text: answer } = await (name === 'long.yaml' ? sent.catch(() => refused) : sent)
    t.ok([400, 413, 422].includes(status), `${name}: ${String(status)} ${answer.slice(0, 200)}`)
  }

  const files = await until(
    'every file to be looked at',
    async () => {
      const { json } = await ask(where, `${apiRoot}/files`)
      const { items } = json() as { items: { metadata: { name: string }; status: Told }[] } // docs/api.md
      const told = new Map(items.map((item) => [item.metadata.name, item.status]))
      return names.every((name) => told.has(name)) && given.every((name) => told.has(`given-${name}`))
        ? told
        : undefined
    },
    { timeout: 60_000 },
  )
  for (const name of names) {
    const told = files.get(name)
    t.equal(told?.accepted, false, `${name} is refused`)
    t.ok(
      told?.diagnostics.some(({ severity, message }) => severity === 'error' && message !== ''),
      `${name}: why`,
    )
  }

  const after = await until('the service to be ready still', ready)
  t.strictSame(after.status.functions, before.status.functions, 'its functions are the same ones')
  t.equal(after.metadata.generation, before.metadata.generation)
  t.equal(daemon.exitCode, null)
  t.equal((await ask(where, '/readyz')).status, 200)
  t.notMatch(log, /"level":"error"/, 'nothing failed inside')
  const outside = (await readdir(tmpdir())).filter((name) => name.startsWith('son-hostile-pwned') || name === 'slipped')
  t.strictSame(outside, [], 'nothing was written elsewhere')
})
