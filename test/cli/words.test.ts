import t from 'tap'
import { conditionOf, explain } from '../../src/api/conditions.ts'
import { objectKinds } from '../../src/api/backend.ts'
import { isDefinable, kindNames, parseKind, parseObjectReference } from '../../src/api/kinds.ts'
import { must, parseObjectName } from '../../src/model/names.ts'
import { diagnosticLines } from '../../src/cli/client.ts'
import { CliError, errorLines } from '../../src/cli/errors.ts'
import { instanceName, objectPath, parseReferences, requireReferences } from '../../src/cli/reference.ts'
import { formatServer, parseServer, unreachable } from '../../src/cli/server-address.ts'

t.test('every name of a kind means that kind, and no name means two', async (t) => {
  for (const kind of objectKinds) {
    const { plural, singular, others } = kindNames[kind]
    for (const name of [plural, singular, ...others, kind, kind.toUpperCase()]) t.equal(parseKind(name), kind, name)
  }
  const all = Object.values(kindNames).flatMap(({ plural, singular, others }) => [plural, singular, ...others])
  t.equal(new Set(all).size, all.length)
  t.equal(parseKind('cake'), undefined)
  t.same(objectKinds.filter(isDefinable), ['ServiceInstance', 'DataCenter', 'Link'])
  t.same(parseObjectReference('file/a/b.yaml'), { kind: 'File', name: 'a/b.yaml' })
})

t.test('what users type to name objects', async (t) => {
  t.same(parseReferences([]), { kind: undefined, references: [] })
  t.same(parseReferences(['si']), { kind: 'ServiceInstance', references: [] })
  const a = { kind: 'ServiceInstance', name: 'a' }
  t.same(parseReferences(['si', 'a']).references, [a])
  t.same(parseReferences(['instance/a', 'dc/b']).references, [a, { kind: 'DataCenter', name: 'b' }])
  t.same(parseReferences(['instance', 'instance/a']).references, [a])
  for (const words of [['cake'], ['cake/a'], ['instance/'], ['instance/a', 'b']])
    t.throws(() => parseReferences(words), CliError)
  t.throws(() => requireReferences(['si']), /name what you mean/)
  t.equal(instanceName('a'), 'a')
  t.equal(instanceName('si/a'), 'a')
  for (const word of ['', 'dc/a', 'si/']) t.throws(() => instanceName(word), CliError, word)
  t.equal(objectPath({ kind: 'File', name: 'a/b c?.yaml' }), '/apis/sond.dev/v1alpha1/files/a%2Fb%20c%3F.yaml')
})

t.test('where the daemon is', async (t) => {
  for (const [text, shown] of [
    ['unix:/run/s', 'unix:/run/s'],
    ['unix:///run/s', 'unix:/run/s'],
    ['unix:run/s', `unix:${process.cwd()}/run/s`],
    ['http://127.0.0.1:8080', 'http://127.0.0.1:8080'],
    ['http://[::1]:8080/', 'http://[::1]:8080'],
    ['tcp:localhost:8080', 'http://localhost:8080'],
    ['tcp://localhost:8080', 'http://localhost:8080'],
    ['http://sond.example', 'http://sond.example:80'],
  ] as const) {
    t.equal(formatServer(parseServer(text)), shown, text)
  }
  for (const text of ['', 'unix:', '/run/s', 'https://x', 'ftp://x', 'http://']) {
    t.throws(() => parseServer(text), CliError, text)
  }
})

t.test('what a failed connection means', async (t) => {
  const address = parseServer('unix:/run/s')
  const failed = (code: string): CliError => unreachable(address, Object.assign(new Error(`connect ${code}`), { code }))
  t.match(failed('EACCES'), { message: 'not allowed to use unix:/run/s', next: /group 'sond'/ })
  t.match(failed('ENOENT'), { message: /there is no such socket/, next: /systemctl status sond/ })
  t.match(failed('ECONNREFUSED'), { message: /nobody listens there/ })
  t.match(failed('EHOSTUNREACH'), { message: /connect EHOSTUNREACH/ })
  t.match(unreachable(address, 'odd'), { message: /odd/ })
  t.equal(errorLines('odd'), 'error: odd\n')
  t.equal(errorLines(failed('EACCES')).split('\n').length, 3)
})

t.test('why something is not ready: the deepest cause first, the summary only when it is alone', async (t) => {
  const dc1 = must(parseObjectName('dc1'), 'dc1')
  const condition = (type: 'Ready' | 'Accepted' | 'Stalled' | 'LinksReady', status: 'True' | 'False', message = 'm') =>
    ({ type, status, reason: 'R', message, observedGeneration: 1, lastTransitionTime: '' }) as const
  const object = (conditions: readonly ReturnType<typeof condition>[]) =>
    ({
      apiVersion: '',
      kind: 'Link',
      metadata: { name: 'a', labels: {}, uid: '', generation: 1, creationTimestamp: '', source: '' },
      spec: { endpoints: [dc1, dc1] },
      status: { observedGeneration: 1, conditions },
    }) as const
  t.same(explain(object([])), ['the daemon has not looked at the last change yet'])
  t.same(explain(object([condition('Ready', 'False')])), ['Ready=False (R): m'])
  t.same(
    explain(
      object([
        condition('Ready', 'False'),
        condition('LinksReady', 'False', ''),
        condition('Stalled', 'True'),
        condition('Accepted', 'False'),
      ]),
    ),
    ['Accepted=False (R): m', 'Stalled=True (R): m', 'LinksReady=False (R)'],
  )
  t.equal(conditionOf(object([condition('Stalled', 'False')]), 'Ready'), undefined)
})

t.test('diagnostics bear the name the user gave, and the place inside a package', async (t) => {
  const found = { severity: 'error', code: 'X', message: 'm', file: 'request', line: 1, column: 2, path: '' } as const
  t.equal(
    diagnosticLines([found, { ...found, severity: 'notice', file: 'up.son!/a/b.yml' }], 'mine.son'),
    'mine.son:1:2: m\nmine.son!/a/b.yml:1:2: m [notice]\n',
  )
})
