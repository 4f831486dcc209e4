import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { mergeOptions, OptionsError, runCommand, type Options } from '../../src/main/options.ts'

const header = 'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\n'

/** Options of a command line; no configuration of the machine's own is read. */
const merged = (args: readonly string[], fallback = '/nonexistent/sond.yaml'): Promise<Options> => {
  const command = runCommand().exitOverride()
  command.parse(args, { from: 'user' })
  return mergeOptions(command.opts(), fallback)
}

const configured = (t: Test, spec: string): string => {
  const file = join(t.testdir({}), 'sond.yaml')
  writeFileSync(file, `${header}spec:\n  ${spec}\n`)
  return file
}

void t.test('with nothing said all is as documented', async (t) => {
  const { spec, ...rest } = await merged([])
  t.same(spec, defaultConfiguration().spec)
  t.match(rest, {
    stateDir: '/var/lib/sond',
    runDir: '/run/sond',
    keepEngines: false,
    logFormat: 'json',
    logLevel: 'info',
  })
})

void t.test('every flag has its effect', async (t) => {
  const cases: readonly (readonly [readonly string[], (options: Options) => unknown, unknown])[] = [
    [['--manifests', '/m'], ({ spec }) => spec.manifests.directory, '/m'],
    [['--manifests', 'm'], ({ spec }) => spec.manifests.directory, join(process.cwd(), 'm')],
    [['--state-dir', 's'], ({ stateDir }) => stateDir, join(process.cwd(), 's')],
    [['--state-dir', '/s'], ({ spec }) => spec.results.directory, '/s/results'],
    [['--run-dir', '/r'], ({ runDir }) => runDir, '/r'],
    [['--run-dir', '/r'], ({ spec }) => spec.listen, ['unix:/r/sond.sock']],
    [['--listen', 'unix:/a', '--listen', 'tcp:[::1]:80'], ({ spec }) => spec.listen, ['unix:/a', 'tcp:[::1]:80']],
    [['--listen', 'unix:a/b.sock'], ({ spec }) => spec.listen, [`unix:${join(process.cwd(), 'a/b.sock')}`]],
    [['--engines', 'memory'], ({ spec }) => spec.engines.mode, 'memory'],
    [['--docker-host', 'tcp://h:2375'], ({ spec }) => spec.engines.docker, 'tcp://h:2375'],
    [['--ovsdb', 'tcp:h:6640'], ({ spec }) => spec.engines.ovsdb, 'tcp:h:6640'],
    [['--owner', 'mine'], ({ spec }) => spec.owner, 'mine'],
    [['--keep-engines'], ({ keepEngines }) => keepEngines, true],
    [['--token-file', 't'], ({ spec }) => spec.api.tokenFile, join(process.cwd(), 't')],
    [['--insecure-no-auth'], ({ insecureNoAuth }) => insecureNoAuth, true],
    [['--log-format', 'pretty'], ({ logFormat }) => logFormat, 'pretty'],
    [['--log-level', 'debug'], ({ logLevel }) => logLevel, 'debug'],
  ]
  for (const [args, of, expected] of cases) t.same(of(await merged(args)), expected, args.join(' '))
  const tested = new Set(cases.flatMap(([[flag]]) => flag))
  const flags = runCommand().options.map(({ long }) => long)
  t.same(
    flags.filter((flag) => flag !== '--config' && !tested.has(flag ?? '')),
    [],
    'no flag is left out here',
  )
})

void t.test('the command line wins over the file, and where it is silent the file holds', async (t) => {
  const file = configured(
    t,
    'owner: filed\n  resync: 5s\n  engines: {mode: memory, ovsdb: "unix:/o"}\n  listen: ["unix:/l"]',
  )
  const { spec } = await merged(['--config', file, '--owner', 'flagged', '--run-dir', '/r'])
  t.equal(spec.owner, 'flagged')
  t.equal(spec.resyncMs, 5000)
  t.match(spec.engines, { mode: 'memory', ovsdb: 'unix:/o', docker: 'unix:///var/run/docker.sock' })
  t.same(spec.listen, ['unix:/l'])
  t.same((await merged([], file)).spec.listen, ['unix:/l'], 'also of the file that is read without being named')
  const elsewhere = configured(t, 'results: {directory: /elsewhere}')
  t.equal((await merged(['--config', elsewhere, '--state-dir', '/s'])).spec.results.directory, '/elsewhere')
  const silent = configured(t, 'resync: 5s')
  t.same((await merged(['--config', silent, '--run-dir', '/r'])).spec.listen, ['unix:/r/sond.sock'])
})

void t.test('what cannot be used is said with the place', async (t) => {
  await t.rejects(merged(['--config', '/nonexistent/x.yaml']), {
    message: /cannot read the configuration \/nonexistent\/x\.yaml: ENOENT/,
  })
  const wrong = configured(t, 'resink: 5s')
  await t.rejects(merged(['--config', wrong]), { message: /sond\.yaml:4:\d+: .*resync/ })
  await t.rejects(merged([], wrong), new OptionsError(), 'a wrong file of the machine is not passed over')
  await t.rejects(merged([], '/'), { message: /EISDIR/ }, 'nor one that cannot be read')
  await t.rejects(merged(['--owner', 'a b']), { message: /--owner: .*letters/ })
  await t.rejects(merged(['--ovsdb', 'nonsense']), { message: /--ovsdb: .*unix:\/path/ })
  await t.rejects(merged(['--docker-host', 'nonsense']), { message: /--docker-host: .*unix:\/\/\/path/ })
})
