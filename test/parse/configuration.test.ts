import t from 'tap'
import { formatDiagnostic } from '../../src/model/diagnostics.ts'
import { defaultConfiguration, parseConfiguration } from '../../src/parse/configuration.ts'
import { jsonSchemas } from '../../src/parse/json-schemas.ts'

const header = 'apiVersion: sond.dev/v1alpha1\nkind: SondConfiguration\n'
const parse = (text: string) => parseConfiguration('sond.yaml', Buffer.from(text))
const errors = (text: string): string[] => parse(text).diagnostics.map(formatDiagnostic)

t.test('defaults', (t) => {
  t.strictSame(defaultConfiguration(), {
    kind: 'SondConfiguration',
    spec: {
      owner: 'sond',
      manifests: { directory: '/etc/sond/manifests.d', settleMs: 200, maxPrunePercent: 50 },
      engines: {
        mode: 'host',
        docker: 'unix:///var/run/docker.sock',
        ovsdb: 'unix:/run/openvswitch/db.sock',
        datapath: 'auto',
      },
      listen: ['unix:/run/sond/sond.sock'],
      api: { tokenFile: null, group: 'sond' },
      resyncMs: 60_000,
      pools: {
        sap: { prefix: '10.10.0.0/16', size: 30, count: 50 },
        elan: { prefix: '10.20.0.0/16', size: 24, count: 50 },
        eline: { prefix: '10.30.0.0/16', size: 30, count: 50 },
      },
      placement: { policy: 'RoundRobinWithSaps' },
      saps: { deploy: false, vnfd: null },
      chaining: { bidirectional: true, requireForwardingGraphs: false, path: 'Hops' },
      management: { dockerNetwork: false },
      images: { forcePull: false, buildDockerfiles: false, allow: ['*'] },
      scripts: { stopWaitMs: 5_000 },
      results: { directory: '/var/lib/sond/results' },
      autoDeploy: false,
      autoDelete: false,
      policy: { privileged: false },
    },
  })
  for (const text of [
    '',
    '# nothing\n',
    header,
    `${header}spec: {}\n`,
    `${header}metadata: {name: x}\nspec: {pools: {}, engines: {}}\n`,
  ]) {
    t.strictSame(parse(text), { configuration: defaultConfiguration(), diagnostics: [] }, JSON.stringify(text))
  }
  t.end()
})

t.test('every setting can be changed', (t) => {
  const { configuration, diagnostics } = parse(`${header}spec:
  owner: lab.1
  manifests: {directory: /srv/m, settle: 1s, maxPrunePercent: 100}
  engines: {mode: memory, docker: "tcp://127.0.0.1:2375", ovsdb: "tcp:127.0.0.1:6640", datapath: netdev}
  listen: ["unix:/tmp/s", "tcp:[::1]:80", "tcp:localhost:8080"]
  resync: 5m
  pools: {sap: {prefix: 10.0.0.0/8, size: 29, count: 200}, elan: {size: 20, count: 16}, eline: {count: 1}}
  placement: {policy: First}
  saps: {deploy: true, vnfd: /etc/sond/sap.yml}
  chaining: {bidirectional: false, requireForwardingGraphs: true, path: Delay}
  management: {dockerNetwork: true}
  images: {forcePull: true, buildDockerfiles: true, allow: [registry.example/*]}
  scripts: {stopWait: 0}
  results: {directory: /srv/r}
  autoDeploy: true
  autoDelete: true
  policy: {privileged: true}
`)
  t.strictSame(diagnostics, [])
  const spec = configuration?.spec
  t.equal(spec?.owner, 'lab.1')
  t.strictSame(spec?.manifests, { directory: '/srv/m', settleMs: 1000, maxPrunePercent: 100 })
  t.equal(spec?.engines.mode, 'memory')
  t.equal(spec?.listen.length, 3)
  t.equal(spec?.resyncMs, 300_000)
  t.strictSame(spec?.pools, {
    sap: { prefix: '10.0.0.0/8', size: 29, count: 200 },
    elan: { prefix: '10.20.0.0/16', size: 20, count: 16 },
    eline: { prefix: '10.30.0.0/16', size: 30, count: 1 },
  })
  t.equal(spec?.scripts.stopWaitMs, 0)
  t.equal(spec?.chaining.path, 'Delay')
  t.equal(spec?.saps.vnfd, '/etc/sond/sap.yml')
  t.end()
})

t.test('what is refused', (t) => {
  const rows: Readonly<Record<string, readonly string[]>> = {
    [`${header}spec: {resynk: 5s, resync: 5}\n`]: [
      'sond.yaml:3:28: spec.resync is the number 5; a duration with a unit, such as "200ms", "5s" or "1m30s", up to 24 days, is right',
      'sond.yaml:3:8: the field "resynk" is not known here; did you mean "resync"?',
    ],
    [`${header}spec: {owner: a b, listen: [http://x], results: {directory: relative}}\n`]: [
      'sond.yaml:3:15: spec.owner is the text "a b"; an owner mark of 1 to 32 letters, digits, "_", "-" and "." is right',
      'sond.yaml:3:29: spec.listen[0] is the text "http://x"; "unix:/path" or "tcp:host:port" is right',
      'sond.yaml:3:61: spec.results.directory is the text "relative"; an absolute path such as "/etc/sond" is right',
    ],
    [`${header}spec: {engines: {docker: /var/run/docker.sock}, saps: {vnfd: 7}}\n`]: [
      'sond.yaml:3:26: spec.engines.docker is the text "/var/run/docker.sock"; "unix:///path/to/docker.sock" or "tcp://host:port" is right',
      'sond.yaml:3:62: spec.saps.vnfd is the number 7; text is right',
    ],
    [`${header}spec: {pools: {sap: {size: 15}, elan: {count: 500}, eline: {prefix: 10.0.0.0}}}\n`]: [
      'sond.yaml:3:28: spec.pools.sap.size is the number 15; a length from that of the prefix (16) on is right',
      'sond.yaml:3:47: spec.pools.elan.count is the number 500; at most 256, as many as the prefix has room for, is right',
      'sond.yaml:3:69: spec.pools.eline.prefix is the text "10.0.0.0"; an IPv4 prefix such as "10.30.0.0/16" is right',
    ],
    'kind: SondConfiguration\n': ['sond.yaml:1:1: apiVersion is missing; "sond.dev/v1alpha1" is right'],
    [`${header}---\n${header}`]: ['sond.yaml:4:1: a second document begins here; one SondConfiguration is right'],
    'a: [\n': [
      'sond.yaml:2:1: not YAML: flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    'apiVersion: sond.dev/v1alpha1\nkind: Link\n': [
      'sond.yaml:2:7: kind is the text "Link"; SondConfiguration is right',
    ],
  }
  for (const [text, expected] of Object.entries(rows)) {
    t.strictSame(errors(text).sort(), [...expected].sort())
    t.equal(parse(text).configuration, undefined)
  }
  t.end()
})

t.test('JSON Schemas are about what users write', (t) => {
  const schemas = jsonSchemas()
  t.strictSame(Object.keys(schemas), ['ServiceInstance', 'DataCenter', 'Link', 'SondConfiguration'])
  for (const [kind, schema] of Object.entries(schemas)) {
    t.match(schema, { type: 'object', additionalProperties: false, properties: { kind: { const: kind } } })
  }
  t.match(schemas.SondConfiguration, {
    properties: { spec: { properties: { resync: { anyOf: [{ type: 'string' }, {}] } } } },
  })
  t.end()
})
