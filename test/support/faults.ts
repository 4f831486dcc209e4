import fc from 'fast-check'
import type { Hands } from '../../src/engine/memory/hands.ts'
import { devicesIn } from '../../src/engine/memory/devices.ts'
import { decoderOf } from '../../src/engine/memory/openflow.ts'
import type { World } from '../../src/engine/memory/world.ts'

/** Something that happens to a world from outside. `pick` says to which of the objects of the kind. */
export interface Fault {
  readonly kind: (typeof faultKinds)[number]
  readonly pick: number
}

const faultKinds = [
  'kill',
  'restart',
  'pause',
  'removeContainer',
  'limits',
  'deleteInner',
  'innerDown',
  'innerMac',
  'innerAddress',
  'innerRename',
  'deleteOuter',
  'outerDown',
  'deleteBridge',
  'deletePort',
  'tag',
  'alterFlow',
  'extraFlow',
  'deleteFlow',
  'restartSwitch',
] as const

export const fault: fc.Arbitrary<Fault> = fc.record({ kind: fc.constantFrom(...faultKinds), pick: fc.nat(20) })

const take = <T>(items: readonly T[], pick: number, act: (item: T) => void): void => {
  const item = items[pick % Math.max(1, items.length)]
  if (item !== undefined) act(item)
}

/** Does it to objects of `owner`. */
export const strike = (world: World, hands: Hands, owner: string, { kind, pick }: Fault): void => {
  const containers = [...world.containers.values()].filter(({ mark }) => mark?.owner === owner)
  const outer = [...devicesIn(world, 0).values()].filter((one) => one.mark?.owner === owner && one.peer !== undefined)
  const bridges = [...world.bridges.values()].filter((one) => one.externalIds['sond-owner'] === owner)
  const ports = bridges.flatMap((bridge) => [...bridge.ports.values()].map((port) => ({ bridge, port })))
  const ours = ports.filter(({ port }) => port.externalIds['sond-owner'] === owner)
  const flows = bridges.flatMap((bridge) =>
    bridge.flows.filter(({ cookie }) => cookie.startsWith('0x50dd')).map((flow) => ({ bridge, flow })),
  )
  const container = (act: (of: string) => void): void => take(containers, pick, ({ name }) => act(name))
  const inner = (act: (of: string, device: string) => void): void =>
    take(outer, pick, ({ peer }) => {
      const holder = containers.find(({ pid }) => pid === peer?.namespace)
      if (peer !== undefined && holder !== undefined) act(holder.name, peer.name)
    })
  const faults: Readonly<Record<Fault['kind'], () => void>> = {
    kill: () => container((of) => hands.kill(of)),
    restart: () => container((of) => hands.restart(of)),
    pause: () => container((of) => hands.pause(of)),
    removeContainer: () => container((of) => hands.removeContainer(of)),
    limits: () => container((of) => hands.updateLimits(of, { cpuset: '0', cpuPeriod: 9, cpuQuota: 9, memoryBytes: 9 })),
    deleteInner: () => inner((of, device) => hands.deleteInner(of, device)),
    innerDown: () => inner((of, device) => hands.changeInner(of, device, { up: false, txOffload: true })),
    innerMac: () => inner((of, device) => hands.changeInner(of, device, { mac: '02:ff:00:00:00:01' })),
    innerAddress: () =>
      inner((of, device) => {
        for (const one of [1, 2, 3]) {
          for (const n of [0, 1, 2, 3]) {
            hands.changeInner(of, device, { deleteAddress: `10.${n}.${one}.1/24` })
          }
        }
      }),
    innerRename: () => inner((of, device) => hands.changeInner(of, device, { rename: `r${pick}` })),
    deleteOuter: () => take(outer, pick, ({ name }) => hands.deleteOuter(name)),
    outerDown: () => take(outer, pick, ({ name }) => hands.setOuter(name, false)),
    deleteBridge: () => take(bridges, pick, ({ name }) => hands.deleteBridge(name)),
    deletePort: () => take(ours, pick, ({ bridge, port }) => hands.deletePort(bridge.name, port.name)),
    tag: () => take(ours, pick, ({ port }) => hands.setTag(port.name, 77)),
    alterFlow: () =>
      take(flows, pick, ({ bridge, flow }) =>
        hands.addFlow(bridge.name, flow.cookie, flow.priority, decoderOf(bridge)(flow.match), 'drop'),
      ),
    extraFlow: () =>
      take(flows, pick, ({ bridge, flow }) => hands.addFlow(bridge.name, flow.cookie, 77, 'dl_type=0x0806', 'drop')),
    deleteFlow: () =>
      take(flows, pick, ({ bridge, flow }) =>
        hands.deleteFlow(bridge.name, flow.priority, decoderOf(bridge)(flow.match)),
      ),
    restartSwitch: () => hands.restartSwitch(),
  }
  faults[kind]()
}
