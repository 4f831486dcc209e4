import fc from 'fast-check'
import t from 'tap'
import type { AnyObject, ApiObjects } from '../../src/api/backend.ts'
import { formatAge, parseTimeout } from '../../src/cli/duration.ts'
import { bytes, instanceWord, rowsOfAny } from '../../src/cli/format/columns.ts'
import { describeObject } from '../../src/cli/format/describe.ts'
import { eventLine } from '../../src/cli/format/events.ts'
import { formatTable, printable } from '../../src/cli/format/table.ts'
import { must, parseObjectName } from '../../src/model/names.ts'
import type { Condition } from '../../src/model/status.ts'

const at = '2026-01-01T00:00:00.000Z'
const now = Date.parse(at) + 90_000

const condition = (
  type: Condition['type'],
  status: Condition['status'],
  reason = 'Because',
  message = '',
): Condition => ({
  type,
  status,
  reason,
  message,
  observedGeneration: 2,
  lastTransitionTime: at,
})

const metadata = (name: string) => ({
  name,
  labels: { team: 'a' },
  uid: 'u',
  generation: 2,
  creationTimestamp: at,
  source: `${name}.yaml`,
})

const instance = (
  conditions: readonly Condition[],
  more: Partial<ApiObjects['ServiceInstance']> = {},
): ApiObjects['ServiceInstance'] => ({
  apiVersion: 'sond.dev/v1alpha1',
  kind: 'ServiceInstance',
  metadata: metadata('demo'),
  spec: { package: 'demo' },
  status: {
    observedGeneration: 2,
    conditions,
    package: { vendor: 'eu.test', name: 'chain', version: '1.0', digest: 'sha256:0' },
    functions: [
      {
        vnfId: 'fw',
        vdu: 'main',
        copy: 0,
        replica: 0,
        container: { id: 'c', name: 'sond.demo.0.fw.main.0', image: 'fw:1', state: 'running', restarts: 2 },
        dataCenter: must(parseObjectName('dc1'), 'dc1'),
        interfaces: [
          {
            name: 'eth0',
            declared: 'a-long-interface',
            address: '10.30.0.1/30',
            mac: '02:00:00:00:00:01',
            switchPort: 'sv1',
            link: 'a-b',
          },
          { name: 'eth1', address: null, mac: '02:00:00:00:00:02', switchPort: 'sv2', link: null },
        ],
      },
      {
        vnfId: 'web',
        copy: 0,
        replica: 0,
        container: null,
        dataCenter: null,
        interfaces: [],
        problem: 'image web:1 is missing',
      },
    ],
    links: [
      {
        id: 'a-b',
        copy: 0,
        type: 'E-Line',
        subnet: '10.30.0.0/30',
        vlan: null,
        endpoints: ['fw:eth0', 'web:eth0'],
        chained: false,
        reason: 'web is missing',
      },
      { id: 'lan', copy: 0, type: 'E-LAN', subnet: null, vlan: 7, endpoints: [], chained: true, reason: '' },
    ],
    saps: [
      { name: 'ns_in', copy: 0, type: 'internal', dataCenter: 'dc1', address: '10.10.0.1/30', subnet: '10.10.0.0/30' },
    ],
  },
  ...more,
})

const table = (objects: readonly AnyObject[], kind: AnyObject['kind'], wide = false): string =>
  formatTable(rowsOfAny(objects, kind, { wide, now }))

t.test('tables', async (t) => {
  const broken = instance([condition('Ready', 'False', 'NotReady'), condition('ImagesReady', 'False', 'ImageNotFound')])
  t.equal(
    table([broken], 'ServiceInstance'),
    `NAME   READY   STATUS     REASON          FUNCTIONS   AGE   PACKAGE
demo   False   NotReady   ImageNotFound   1/2         90s   eu.test/chain:1.0
`,
  )
  t.equal(
    table([broken], 'ServiceInstance', true),
    `NAME   READY   STATUS     REASON          FUNCTIONS   AGE   PACKAGE             LINKS   SAPS   GENERATION   FILE
demo   False   NotReady   ImageNotFound   1/2         90s   eu.test/chain:1.0   1/2     1      2            demo.yaml
`,
  )
  const base = { apiVersion: 'sond.dev/v1alpha1', metadata: metadata('x') }
  const status = { observedGeneration: 2, conditions: [condition('Ready', 'True')] }
  const dc1 = must(parseObjectName('dc1'), 'dc1')
  t.equal(
    table(
      [{ ...base, kind: 'DataCenter', spec: { capacity: { cpu: 8, memory: { size: 16, unit: 'GB' } } }, status }],
      'DataCenter',
    ),
    'NAME   READY   REASON   CPU   MEMORY   AGE\nx      True    -        8     16GB     90s\n',
  )
  t.equal(
    table(
      [
        {
          ...base,
          kind: 'Link',
          spec: { endpoints: [dc1, dc1], bandwidth: '150Mbps', delay: '10ms', loss: '0.1%' },
          status,
        },
      ],
      'Link',
    ),
    'NAME   READY   REASON   ENDPOINTS   BANDWIDTH   DELAY   LOSS   AGE\nx      True    -        dc1,dc1     150Mbps     10ms    0.1%   90s\n',
  )
  const spec = {
    vendor: 'v',
    name: 'n',
    version: '1',
    digest: 'sha256:0',
    sha1: '',
    size: 2048,
    file: 'x.son',
    description: '',
    functions: [],
    links: [],
  }
  t.equal(
    table([{ ...base, kind: 'Package', spec, status: { notices: [], instances: ['a', 'b'] } }], 'Package'),
    'NAME   VENDOR   SERVICE   VERSION   FUNCTIONS   LINKS   USED BY   AGE\nx      v        n         1         0           0       a,b       90s\n',
  )
  const diagnostic = { severity: 'error', code: 'X', message: 'm', file: 'x', line: 1, column: 2, path: '' } as const
  const report = { file: 'x', accepted: false, objects: ['ServiceInstance/a'], diagnostics: [diagnostic] }
  const file: AnyObject = { ...base, kind: 'File', spec: {}, status: report }
  t.equal(
    table([file], 'File'),
    'NAME   ACCEPTED   ERRORS   NOTICES   OBJECTS\nx      False      1        0         ServiceInstance/a\n',
  )
  t.match(describeObject(file, [], now), /Diagnostics:\n {2}x:1:2: m\nEvents:\n {2}<none>\n$/)
  t.notMatch(describeObject(file, [], now), /Generation|Spec/, 'a file has neither')
  const refused = instance([condition('Accepted', 'False')], {
    metadata: { ...metadata('demo'), generation: 0, creationTimestamp: '' },
  })
  t.notMatch(describeObject(refused, [], now), /Generation|Created/, 'what was never right has neither')
  t.equal(table([], 'File'), 'NAME   ACCEPTED   ERRORS   NOTICES   OBJECTS\n')
})

t.test('a description holds everything of the status', async (t) => {
  const object = instance([condition('Ready', 'False', 'NotReady', 'web is missing')])
  const text = describeObject(
    object,
    [
      {
        object: 'ServiceInstance/demo',
        type: 'Warning',
        reason: 'Failed',
        message: 'no image',
        count: 4,
        firstSeen: at,
        lastSeen: at,
      },
    ],
    now,
  )
  for (const expected of [
    /^Name: +demo$/m,
    /^Labels: +team=a$/m,
    /^Created: +2026-01-01T00:00:00.000Z \(90s ago\)$/m,
    /^ {2}package: demo$/m,
    /^ {2}Ready +False +NotReady +90s +web is missing$/m,
    /^ {2}fw.main +0 +0 +running +2 +fw:1 +dc1 +sond.demo.0.fw.main.0 +-$/m,
    /^ {2}web +0 +0 +missing +0 +- +- +- +image web:1 is missing$/m,
    /^ {2}fw +0 +0 +eth0 \(a-long-interface\) +10.30.0.1\/30 +02:00:00:00:00:01 +sv1 +a-b$/m,
    /^ {2}a-b +0 +E-Line +False +10.30.0.0\/30 +- +fw:eth0 web:eth0 +web is missing$/m,
    /^ {2}lan +0 +E-LAN +True +- +7 +-$/m,
    /^ {2}ns_in +0 +internal +dc1 +10.10.0.1\/30 +10.10.0.0\/30$/m,
    /^ {2}90s +Warning +Failed +instance\/demo +4 +no image$/m,
  ]) {
    t.match(text, expected)
  }
})

t.test('the state of an instance in one word', async (t) => {
  const ready = [condition('Ready', 'True')]
  const cases: readonly [ApiObjects['ServiceInstance'], string][] = [
    [instance([]), 'Reconciling'],
    [instance(ready), 'Running'],
    [instance([condition('Ready', 'True'), condition('Accepted', 'False', 'FileMissing')]), 'Held'],
    [instance([condition('Ready', 'False', 'Stopped')]), 'Stopped'],
    [instance([condition('Ready', 'False', 'Stopping'), condition('Reconciling', 'True')]), 'Stopping'],
    [instance(ready, { spec: { package: 'x', suspend: true } }), 'Suspended'],
    [instance(ready, { metadata: { ...metadata('demo'), deletionTimestamp: at } }), 'Terminating'],
    [instance([condition('Ready', 'False'), condition('Accepted', 'False')]), 'Refused'],
    [instance([condition('Ready', 'False'), condition('Stalled', 'True')]), 'Stalled'],
    [instance([condition('Ready', 'False'), condition('Reconciling', 'True')]), 'Reconciling'],
    [instance([condition('Ready', 'False')]), 'NotReady'],
  ]
  for (const [object, word] of cases) t.equal(instanceWord(object), word)
})

t.test('ages and time-outs', async (t) => {
  const second = 1000
  const minute = 60 * second
  const hour = 60 * minute
  for (const [age, text] of [
    [-5, '0s'],
    [119 * second, '119s'],
    [2 * minute, '2m'],
    [200 * second, '3m20s'],
    [15 * minute, '15m'],
    [170 * minute, '170m'],
    [4 * hour, '4h'],
    [4 * hour + 5 * minute, '4h5m'],
    [47 * hour, '47h'],
    [100 * hour, '4d'],
  ] as const) {
    t.equal(formatAge(age), text)
  }
  for (const [text, expected] of [
    ['60s', 60_000],
    ['2m', 120_000],
    ['1m30s', 90_000],
    ['500ms', 500],
    ['1h', hour],
    ['5', 5000],
    ['0', 0],
    ['0.5s', 500],
  ] as const) {
    t.equal(parseTimeout(text), expected, text)
  }
  for (const text of ['', 'x', '-5s', '5 s', '5d', 's', '1m30', 'Infinity'])
    t.throws(() => parseTimeout(text), /is no duration/, text)
})

t.test('sizes and events', async (t) => {
  t.same([0, 1023, 1024, 1536, 5 * 1024 ** 4, undefined].map(bytes), ['0B', '1023B', '1KiB', '1.5KiB', '5TiB', ''])
  const event = {
    object: 'ServiceInstance/demo',
    type: 'Normal',
    reason: 'Started',
    message: 'm',
    count: 1,
    firstSeen: at,
    lastSeen: at,
  } as const
  t.equal(eventLine(event), `${at}  Normal   Started  instance/demo  m`)
  t.equal(eventLine({ ...event, object: 'daemon', count: 2 }), `${at}  Normal   Started  daemon  m  (x2)`)
})

t.test('whatever is in a cell, a table has one line a row and no control characters', async () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 2 }), { minLength: 1 }),
      (rows) => {
        const text = formatTable(rows)
        return text.split('\n').length === rows.length + 1 && !/[^\P{Cc}\n]/u.test(text)
      },
    ),
  )
  t.equal(printable('a\nb\u0007\u009b'), 'a b\\x07\\x9b')
  t.equal(printable('a\u202eb\u2028c\u200bd\u{e0001}'), 'a\\u{202e}b\\u{2028}c\\u{200b}d\\u{e0001}')
})
