import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { TestEngines } from '../../support/engines.ts'
import { until } from '../../support/until.ts'

const execute = promisify(execFile)

/** What a user does by hand on private engines: `ip`, `ovs-vsctl`, `ovs-ofctl` beside the daemon. */
export const createHands = (engines: TestEngines) => {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', OVS_RUNDIR: engines.ovsRunDir }
  const run = async (program: string, ...args: readonly string[]): Promise<string> =>
    (await execute(program, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout
  const ip = (...args: readonly string[]) => run('nsenter', `--net=${engines.netns.path}`, 'ip', ...args)
  const vsctl = (...args: readonly string[]) => run('ovs-vsctl', `--db=${engines.ovsdbUrl}`, '--timeout=10', ...args)
  const ofctl = (...args: readonly string[]) => run('ovs-ofctl', '-O', 'OpenFlow14', '--names', ...args)
  const socket = (bridge: string): string => `unix:${engines.ovsRunDir}/${bridge}.mgmt`
  const succeeds = async (work: Promise<unknown>): Promise<boolean> =>
    work.then(
      () => true,
      () => false,
    )

  const restart = async (program: 'ovs-vswitchd' | 'ovsdb-server'): Promise<void> => {
    const pid = engines.pids()[program] ?? 0
    process.kill(pid, 'SIGKILL')
    await until(`${program} again`, () => {
      const now = engines.pids()[program] ?? 0
      return now !== 0 && now !== pid
    })
    await vsctl('list-br') // without --no-wait it waits for the switch
    await vsctl('set', 'Open_vSwitch', '.', 'external_ids:restarted=yes')
  }

  return {
    run,
    ip,
    vsctl,
    ofctl,
    socket,
    restart,
    addDevice: async (port: string, alias: string) => {
      await ip('link', 'add', port, 'up', 'type', 'veth', 'peer', 'name', `${port}-peer`)
      await ip('link', 'set', port, 'alias', alias)
      await ip('link', 'set', `${port}-peer`, 'up')
    },
    deleteDevice: (port: string) => ip('link', 'del', port),
    hasDevice: (device: string) => succeeds(ip('link', 'show', 'dev', device)),
    addBridge: async (bridge: string) => {
      await vsctl('add-br', bridge, '--', 'set', 'bridge', bridge, 'datapath_type=netdev', 'fail_mode=secure')
    },
    hasBridge: (bridge: string) => succeeds(vsctl('br-exists', bridge)),
    deleteBridge: (bridge: string) => vsctl('del-br', bridge),
    addInternalPort: (bridge: string, port: string) =>
      vsctl('add-port', bridge, port, '--', 'set', 'interface', port, 'type=internal'),
    hasPort: async (bridge: string, port: string) => (await vsctl('list-ports', bridge)).split('\n').includes(port),
    deletePort: (bridge: string, port: string) => vsctl('del-port', bridge, port),
    addFlow: (bridge: string, flow: string) => ofctl('add-flow', socket(bridge), flow),
    deleteFlow: (bridge: string, priority: number, match: string) =>
      ofctl('--strict', 'del-flows', socket(bridge), `priority=${priority},${match}`),
    countFlows: async (bridge: string) =>
      (await ofctl('dump-flows', socket(bridge))).split('\n').filter((line) => line.includes('actions=')).length,
  }
}
