import { buildManifest, buildPackage, type ServiceSketch } from '../test/support/service.ts'
import { buildDataCenter, buildLink, documents } from '../test/support/topology.ts'
import { images, type Wanted } from './wanted.ts'

/** Image of access points inside the service. */
export const sapImage = 'sonatanfv/son-emu-sap'

/** What is changed and broken. */
export const trial = 'trial'
/** Its neighbour: broken too, changed never. */
export const calm = 'calm'

const image = images[0]

/** A client's access point, a router in the middle that is scaled, a server with a way out, and a network of all beside. */
const trialSketch = (version: Wanted['version']): ServiceSketch => ({
  name: trial,
  version,
  functions: [
    { id: 'router', image, interfaces: ['input', 'output', 'lan'] },
    { id: 'server', image, interfaces: ['net', 'wan', 'lan'] },
    ...(version === '0.2' ? [{ id: 'probe', image, interfaces: ['lan'] }] : []),
  ],
  links: [
    ['in', 'E-Line', 'ns:client', 'router:input'],
    ['mid', 'E-Line', 'router:output', 'server:net'],
    ['way', 'E-Line', 'server:wan', 'ns:wan'],
    ['lan', 'E-LAN', 'router:lan', 'server:lan', ...(version === '0.2' ? ['probe:lan'] : [])],
  ],
  points: { 'ns:client': 'internal', 'ns:wan': 'external' },
})

const calmSketch: ServiceSketch = {
  name: calm,
  functions: [
    { id: 'left', image, interfaces: ['net'] },
    { id: 'right', image, interfaces: ['net', 'wan'] },
  ],
  links: [
    ['pair', 'E-Line', 'left:net', 'right:net'],
    ['way', 'E-Line', 'right:wan', 'ns:wan'],
  ],
  points: { 'ns:wan': 'external' },
}

/** Files of the watched directory that stay as they are. */
export const standingFiles = async (): Promise<readonly (readonly [name: string, content: string | Uint8Array])[]> => [
  ['topology.yaml', documents(buildDataCenter('dc1'), buildDataCenter('dc2'), buildLink('l12', ['dc1', 'dc2']))],
  ['trial-1.son', await buildPackage(trialSketch('0.1'))],
  ['trial-2.son', await buildPackage(trialSketch('0.2'))],
  ['calm.son', await buildPackage(calmSketch)],
  ['calm.yaml', buildManifest(calm, calm)],
]

/** Manifest of the service under trial; `round` marks it, so that its being read can be seen. */
export const trialManifest = (wanted: Wanted, round: string): string => {
  const { version, copies, replicas, running, mode, megabytes } = wanted
  const text = buildManifest(trial, `${trial}:${version}`, {
    replicas: copies,
    state: running ? 'Running' : 'Stopped',
    functions: [
      { vnfId: 'router', replicas, image: wanted.image },
      {
        vnfId: 'server',
        env: { MODE: mode },
        resources: { cpu: { vcpus: 1 }, memory: { size: megabytes, unit: 'MB' } },
      },
    ],
  })
  return text.replace(`name: ${trial}\n`, `name: ${trial}\n  labels: {round: ${round}}\n`)
}
