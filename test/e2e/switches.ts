// Settings of the daemon that are seen on real engines, by what a user of those engines sees.
import type { TestDaemon } from '../support/daemon.ts'
import type { TestEngines } from '../support/engines.ts'
import { inContainerNetwork, inNamespace, management, ofctl, pings, vsctl } from '../support/reach.ts'
import { buildManifest } from '../support/service.ts'
import type { Switch } from '../support/switches.ts'
import { until } from '../support/until.ts'

/** A daemon with an instance of each of the two services of this test. */
export interface Rig {
  readonly engines: TestEngines
  readonly sond: TestDaemon
  readonly owner: string
  /** Instance of `full`, whose `b` has a stop script that takes a second. */
  readonly full: string
  /** What its manifest says beside its package. */
  readonly spec: Readonly<Record<string, unknown>>
  /** Instance of `bare`, which has no forwarding graph. */
  readonly bare: string
  /** Another one of it, whose `c` asks to be privileged: not every engine can start that. */
  readonly trusted: string
  /** Connections over the sockets that stand before those of the engines. */
  readonly proxied: { readonly docker: () => number; readonly ovsdb: () => number }
}

const container = ({ owner, full }: Rig, vnf: string): string => `${owner}.${full}.0.${vnf}.0`
const inspect = (rig: Rig, vnf: string) => rig.engines.docker.getContainer(container(rig, vnf)).inspect()

/** Addresses on a device of a function, as `ip` in its namespace shows them. */
const addressOn = async (rig: Rig, vnf: string, device: string): Promise<string> =>
  /inet (\S+)/.exec(
    await inContainerNetwork(rig.engines, container(rig, vnf), 'ip', '-o', '-4', 'addr', 'show', 'dev', device),
  )?.[1] ?? 'none'

/** The one on the switch of the external access point, as `ip` on the host shows it. */
const addressOfSap = async ({ engines, owner }: Rig): Promise<string> => {
  const bridge = await vsctl(
    engines,
    '--bare',
    '--columns=name',
    'find',
    'bridge',
    'external_ids:role=sap',
    `external_ids:sond-owner=${owner}`,
  )
  const device = bridge.split('\n')[0] ?? ''
  return /inet (\S+)/.exec(await inNamespace(engines, 'ip', '-o', '-4', 'addr', 'show', 'dev', device))?.[1] ?? 'none'
}

/** Switch that the daemon made for its data center. */
const switchOf = async ({ engines, owner }: Rig): Promise<string> =>
  (
    await vsctl(
      engines,
      '--bare',
      '--columns=name',
      'find',
      'bridge',
      `external_ids:sond-owner=${owner}`,
      'external_ids:datacenter=dc1',
    )
  )
    .trim()
    .split('\n')[0] ?? ''

/** Whether flows of the switch take what comes from an end of the E-Line of an instance. */
const entersFrom = async (rig: Rig, instance: string, vnf: string, device: string): Promise<boolean> => {
  const { status } = await rig.sond.get(instance)
  const port = status.functions
    .find(({ vnfId }) => vnfId === vnf)
    ?.interfaces.find(({ name }) => name === device)?.switchPort
  const bridge = (await vsctl(rig.engines, 'port-to-br', port ?? 'none')).trim()
  const flows = await ofctl(rig.engines, '--no-stats', 'dump-flows', management(rig.engines, bridge))
  return new RegExp(`in_port="?${port}"? `).test(flows)
}

/** Those of one daemon each: a first value, which the daemon with all first values has, and a second, which no service stands on. */
export const engineSwitches: readonly Switch<Rig>[] = [
  {
    setting: 'engines.mode',
    values: ['host', 'memory'],
    look: async ({ engines, owner }) =>
      (await engines.docker.listContainers({ filters: { label: [`sond.dev/owner=${owner}`] } })).length > 0,
    expect: [true, false],
    overridden: false,
  },
  {
    setting: 'engines.datapath',
    values: ['netdev', 'system'],
    look: async (rig) => {
      const name = await until('its switch', async () => (await switchOf(rig)) || false)
      return (await vsctl(rig.engines, 'get', 'bridge', name, 'datapath_type')).trim()
    },
    expect: ['netdev', 'system'],
    overridden: false,
  },
]

/** Those that two daemons can have all otherwise: one has all first values, the other all second ones. */
export const serviceSwitches: readonly Switch<Rig>[] = [
  {
    setting: 'owner',
    values: ['sond', 'other'],
    look: async ({ engines, full }) => {
      const found = await engines.docker.listContainers({ filters: { label: [`sond.dev/instance=${full}`] } })
      const ports = await vsctl(
        engines,
        '--bare',
        '--columns=external_ids',
        'find',
        'port',
        `external_ids:instance=${full}`,
      )
      return [
        ...new Set([
          ...found.map(({ Labels }) => Labels['sond.dev/owner']),
          ...[...ports.matchAll(/sond-owner=(\w+)/g)].map(([, owner]) => owner),
        ]),
      ]
    },
    expect: [['sond'], ['other']],
    overridden: false,
  },
  {
    setting: 'engines.docker',
    values: ['$DOCKER', '$DOCKER_PROXY'],
    look: ({ proxied }) => proxied.docker() > 0,
    expect: [false, true],
    overridden: false,
  },
  {
    setting: 'engines.ovsdb',
    values: ['$OVSDB', '$OVSDB_PROXY'],
    look: ({ proxied }) => proxied.ovsdb() > 0,
    expect: [false, true],
    overridden: false,
  },
  {
    setting: 'chaining.bidirectional',
    values: [true, false],
    look: async (rig) => ({
      there: await entersFrom(rig, rig.full, 'a', 'out'),
      back: await entersFrom(rig, rig.full, 'b', 'in'),
      answers: await pings(rig.engines, container(rig, 'a'), await addressOn(rig, 'b', 'in')),
    }),
    expect: [
      { there: true, back: true, answers: true },
      { there: true, back: false, answers: false },
    ],
    overridden: true,
  },
  {
    setting: 'chaining.requireForwardingGraphs',
    values: [false, true],
    look: (rig) => entersFrom(rig, rig.bare, 'c', 'out'),
    expect: [true, false],
    overridden: true,
  },
  {
    setting: 'saps.vnfd',
    values: [null, '$DIR/sap.yml'],
    look: async (rig) => (await inspect(rig, 'ns_client')).Config.Image,
    expect: ['sonatanfv/son-emu-sap', 'test/sap:1'],
    overridden: false,
  },
  {
    setting: 'pools.eline.prefix',
    values: ['10.30.0.0/16', '10.79.0.0/16'],
    look: async (rig) => (await addressOn(rig, 'a', 'out')).split('.')[1],
    expect: ['30', '79'],
    overridden: false,
  },
  {
    setting: 'pools.eline.size',
    values: [30, 28],
    look: async (rig) => (await addressOn(rig, 'a', 'out')).split('/')[1],
    expect: ['30', '28'],
    overridden: false,
  },
  {
    setting: 'pools.elan.prefix',
    values: ['10.20.0.0/16', '10.78.0.0/16'],
    look: async (rig) => (await addressOn(rig, 'a', 'lan')).split('.')[1],
    expect: ['20', '78'],
    overridden: false,
  },
  {
    setting: 'pools.elan.size',
    values: [24, 26],
    look: async (rig) => (await addressOn(rig, 'a', 'lan')).split('/')[1],
    expect: ['24', '26'],
    overridden: false,
  },
  {
    setting: 'pools.sap.prefix',
    values: ['10.10.0.0/16', '10.77.0.0/16'],
    look: async (rig) => (await addressOfSap(rig)).split('.')[1],
    expect: ['10', '77'],
    overridden: false,
  },
  {
    setting: 'pools.sap.size',
    values: [30, 27],
    look: async (rig) => (await addressOfSap(rig)).split('/')[1],
    expect: ['30', '27'],
    overridden: false,
  },
  {
    setting: 'results.directory',
    values: ['$DIR/results', '$DIR/shared'],
    look: async (rig) => {
      const { Mounts } = await inspect(rig, 'a')
      return Mounts.filter(({ Destination }) => Destination.startsWith('/mnt/share')).map(
        ({ Source }) => /results|shared/.exec(Source)?.[0],
      )
    },
    expect: [['results'], ['shared']],
    overridden: false,
  },
  {
    setting: 'policy.privileged',
    values: [false, true],
    look: async ({ engines, owner, trusted }) =>
      until('its container', () =>
        engines.docker
          .getContainer(`${owner}.${trusted}.0.c.0`)
          .inspect()
          .then(
            ({ HostConfig }) => `privileged: ${HostConfig.Privileged}`,
            () => undefined,
          ),
      ),
    expect: ['privileged: false', 'privileged: true'],
    overridden: false,
  },
  {
    setting: 'scripts.stopWait',
    values: ['300ms', '20s'],
    // Last, for it stops the service.
    look: async ({ sond, full, spec }) => {
      await sond.drop(`${full}.yaml`, buildManifest(full, 'full', { ...spec, state: 'Stopped' }))
      return until(
        'the stop script to be over',
        async () => (await sond.events(full)).find(({ reason }) => reason.startsWith('StopScript'))?.reason,
      )
    },
    expect: ['StopScriptCutOff', 'StopScriptDone'],
    overridden: true,
  },
]
