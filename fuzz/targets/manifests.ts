import { isError } from '../../src/model/diagnostics.ts'
import { parseConfiguration } from '../../src/parse/configuration.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { createReport } from '../../src/parse/report.ts'
import { parseYaml } from '../../src/parse/yaml.ts'
import { checkDiagnostics } from './packages.ts'
import { type Target, bytesOf, promise } from './target.ts'

const instance = `apiVersion: sond.dev/v1alpha1
kind: ServiceInstance
metadata:
  name: demo
  labels: {team: a}
spec:
  package: vendor/name:1.0
  replicas: 2
  suspend: false
  state: Running
  driftMode: Enforce
  saps: {deploy: true}
  chaining: {bidirectional: true}
  management: {dockerNetwork: false}
  placement: {policy: RoundRobinWithSaps}
  functions:
    - vnfId: vnf_a
      replicas: 3
      dataCenter: dc2
      image: registry.example/fw:2
      env: {MODE: strict}
      privileged: true
      resources: {cpu: {cores: "0,1", bandwidth: 0.5}, memory: {size: 512, unit: MB}}
---
apiVersion: sond.dev/v1alpha1
kind: DataCenter
metadata: {name: dc1, labels: {site: paris}}
spec: {capacity: {cpu: 8, memory: {size: 16, unit: GB}}}
---
apiVersion: sond.dev/v1alpha1
kind: Link
metadata: {name: dc1-dc2}
spec: {endpoints: [dc1, dc2], bandwidth: 100Mbps, delay: 10ms, jitter: 1ms, loss: 0.1%}
`

const configuration = `apiVersion: sond.dev/v1alpha1
kind: SondConfiguration
spec:
  owner: mine
  manifests: {directory: /etc/sond/manifests.d, settle: 200ms, maxPrunePercent: 50}
  engines: {mode: host, docker: "unix:///var/run/docker.sock", ovsdb: "tcp:[::1]:6640", datapath: auto}
  listen: ["unix:/run/sond/sond.sock", "tcp:127.0.0.1:80"]
  resync: 1m30s
  pools:
    sap: {prefix: 10.10.0.0/16, size: 30, count: 50}
  images: {forcePull: false, allow: ["*"]}
`

const yaml = `a: &x {k: 1.5, l: [~, true, 0x1f, .inf]}
b: *x
c:
  <<: [*x, {m: "\\u00fc\\x41"}]
  ? k
  : 'it''s'
d: |2-
    text
e: >+
  folded

...
---
- - - deep
- !!str 12
`

/** The project's own files, and YAML itself. */
export const manifestTargets: readonly Target[] = [
  {
    name: 'manifest',
    seeds: [bytesOf(instance), bytesOf(JSON.stringify({ apiVersion: 'sond.dev/v1alpha1', kind: 'DataCenter' }))],
    run: (input) => {
      const { documents, diagnostics } = parseManifestFile('a.yaml', input)
      checkDiagnostics(diagnostics)
      promise(documents.length === 0 || documents.every(({ line }) => line >= 1), () => 'a document without a place')
    },
  },
  {
    name: 'configuration',
    seeds: [bytesOf(configuration)],
    run: (input) => {
      const { configuration: found, diagnostics } = parseConfiguration('sond.yaml', input)
      checkDiagnostics(diagnostics)
      promise((found === undefined) === diagnostics.some(isError), () => 'settings with an error, or none without one')
    },
  },
  {
    name: 'yaml',
    seeds: [bytesOf(yaml), bytesOf('\ufeff{"a": [1, {"b": null}]}'), Buffer.from('\ufeffa: \u00fc\r\n', 'utf16le')],
    run: (input) => {
      for (const duplicateKeys of ['error', 'last'] as const) {
        const report = createReport('a.yaml')
        for (const document of parseYaml(input, report, { duplicateKeys })) {
          promise(document.line >= 1, () => 'a document without a line')
          for (const path of [[], ['a'], ['c', 'k'], [0, 0], ['__proto__']]) {
            document.placeOf(path)
            document.placeOfKey(path)
            document.sourceOf(path)
            document.isPlain(path)
          }
        }
        checkDiagnostics(report.diagnostics)
      }
      promise(!('polluted' in {}), () => 'a key reached the prototype of all objects')
    },
  },
]
