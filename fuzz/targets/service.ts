import { desireInstance } from '../../src/desired/desire.ts'
import { effectiveSettings } from '../../src/desired/settings.ts'
import { addLine } from '../../src/engine/ovs/flows.ts'
import type { ActualState } from '../../src/model/actual.ts'
import type { DesiredContainer, DesiredState } from '../../src/model/desired.ts'
import type { DataCenter, Link, ManifestDocument, ServiceInstance } from '../../src/model/documents.ts'
import type { ServicePackage } from '../../src/model/package.ts'
import * as names from '../../src/model/names.ts'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { plan } from '../../src/plan/plan.ts'
import { printPlan } from '../../src/plan/print.ts'
import { sampleFiles } from '../../test/parse/fixtures/sample.ts'
import { type Target, bytesOf, promise, textOf } from './target.ts'
import { storedZip } from './zip.ts'

const separator = '\n%%%%\n'

const instance = `apiVersion: sond.dev/v1alpha1
kind: ServiceInstance
metadata: {name: demo, labels: {team: a}}
spec:
  package: sample
  replicas: 2
  saps: {deploy: true}
  functions:
    - {vnfId: vnf_a, replicas: 2, dataCenter: dc2, image: "r.example/fw:2", env: {MODE: strict, SON_EMU_CMD: "ip a"}}
---
apiVersion: sond.dev/v1alpha1
kind: DataCenter
metadata: {name: dc1}
---
apiVersion: sond.dev/v1alpha1
kind: DataCenter
metadata: {name: dc2}
---
apiVersion: sond.dev/v1alpha1
kind: Link
metadata: {name: dc1-dc2}
spec: {endpoints: [dc1, dc2]}
`

const nothing: ActualState = {
  ...{ containers: [], wires: [], bridges: [], ports: [], flows: [], natRules: [], conflicts: [] },
  images: new Set(),
}

/** Replicas and copies multiply what a planner has to do; how many may be asked for is not what is looked for here. */
const fewer = (document: ServiceInstance): ServiceInstance => ({
  ...document,
  spec: {
    ...document.spec,
    replicas: Math.min(document.spec.replicas, 2),
    functions: document.spec.functions.map((one) => ({ ...one, replicas: Math.min(one.replicas ?? 1, 3) })),
  },
})

const fits = (what: string, text: string, parse: (text: string) => unknown): void =>
  promise(parse(text) !== undefined, () => `${what} is ${JSON.stringify(text)}`)

const plain = (what: string, text: string): void =>
  promise(!/\p{Cc}/u.test(text), () => `a control character in ${what}: ${JSON.stringify(text)}`)

const marks = (of: Readonly<Record<string, string>>): void => {
  for (const [key, value] of Object.entries(of)) plain(`the mark ${key}`, value)
}

const checkContainer = (container: DesiredContainer): void => {
  fits('a container', container.name, names.parseContainerName)
  fits('an image', container.image, names.parseImageRef)
  promise(/^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(container.hostname), () => `a host name is ${container.hostname}`)
  promise(/^[\d,-]*$/.test(container.limits.cpuset), () => `a set of CPUs is ${container.limits.cpuset}`)
  for (const { host } of container.volumes) {
    promise(/^\/var\/lib\/sond\/results\/[\w./-]+$/.test(host), () => `a volume is ${host}`)
    promise(!host.split('/').includes('..'), () => `a volume is ${host}`)
  }
  for (const [key, value] of Object.entries(container.env)) {
    promise(
      key !== '' && !/[=\0]/.test(key) && !value.includes('\0'),
      () => `a variable is ${JSON.stringify([key, value])}`,
    )
  }
  const { imageSource } = container
  if (imageSource.kind === 'build')
    promise(!imageSource.folder.split('/').includes('..'), () => `an image is built from ${imageSource.folder}`)
  promise(!container.privileged, () => `${container.name} is privileged`)
  marks(container.labels)
}

/** Whatever reaches a name, a command, a path or a flow has the form of one. */
const checkState = (state: DesiredState): void => {
  state.containers.forEach(checkContainer)
  for (const wire of state.interfaces) {
    fits('an interface', wire.name, names.parseInterfaceName)
    fits('a port', wire.port, names.parsePortName)
    fits('a bridge', wire.bridge, names.parseBridgeName)
    fits('a MAC', wire.mac, names.parseMacAddress)
    if (wire.address !== undefined) fits('an address', wire.address, names.parseCidr)
    marks(wire.externalIds)
  }
  for (const bridge of state.bridges) {
    fits('a bridge', bridge.name, names.parseBridgeName)
    marks(bridge.externalIds)
  }
  for (const flow of state.flows) {
    fits('a cookie', flow.cookie, names.parseCookie)
    addLine(flow) // throws when it is none
  }
}

const check = async (input: Uint8Array): Promise<void> => {
  const [nsd = '', vnfd = '', manifest = ''] = textOf(input).split(separator)
  const files = sampleFiles()
  files.set('service_descriptors/nsd.yml', Buffer.from(nsd))
  files.set('function_descriptors/a.yml', Buffer.from(vnfd))
  const { package: pack } = await parsePackage('pack.son', bytesInMemory(storedZip([...files])))
  const documents = parseManifestFile('a.yaml', bytesOf(manifest)).documents.map(({ document }) => document)
  if (pack !== undefined) checkService(pack, documents)
}

/** Follows a service that was taken to the plan that engines would get; throws where a name is none on the way. */
export const checkService = (pack: ServicePackage, documents: readonly ManifestDocument[]): void => {
  for (const [part, text] of Object.entries({ vendor: pack.vendor, name: pack.name, version: pack.version }))
    promise(/^[^:/\s\p{C}]*$/u.test(text), () => `the ${part} of a package is ${JSON.stringify(text)}`)
  const found = documents.find((one): one is ServiceInstance => one.kind === 'ServiceInstance')
  if (found === undefined) return
  const result = desireInstance({
    instance: fewer(found),
    package: pack,
    topology: {
      dataCenters: documents.filter((one): one is DataCenter => one.kind === 'DataCenter'),
      links: documents.filter((one): one is Link => one.kind === 'Link'),
    },
    settings: { ...effectiveSettings(defaultConfiguration().spec, found.spec.settings), buildDockerfiles: true },
    owner: names.must(names.parseOwner('sond'), 'sond'),
    host: { cpus: 4 },
    ledger: { allocations: new Map(), reserved: [] },
    previous: undefined,
  })
  checkState(result.desired)
  const steps = plan(result.desired, nothing, { heldBack: new Map(), stopWaitMs: 1, txOffloadBreaks: true })
  plain('a plan', printPlan(steps).replaceAll('\n', ''))
  for (const { link } of result.desired.flows) plain('a link', link)
  for (const { message } of result.notices) plain('a notice', message)
}

/** From the files of a user to the plan that engines get: the whole way of names. */
export const serviceTarget = (): Target => {
  const files = sampleFiles()
  const [nsd, vnfd] = ['service_descriptors/nsd.yml', 'function_descriptors/a.yml'].map((path) =>
    (files.get(path) ?? '').toString(),
  )
  return { name: 'service', seeds: [bytesOf([nsd, vnfd, instance].join(separator))], run: check }
}
