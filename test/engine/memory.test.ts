import t from 'tap'
import { createMemoryContainers } from '../../src/engine/memory/containers.ts'
import { addDevice, devicesIn } from '../../src/engine/memory/devices.ts'
import { addNamespace, createHands } from '../../src/engine/memory/hands.ts'
import { createMemoryLinks } from '../../src/engine/memory/links.ts'
import { createMemorySwitches } from '../../src/engine/memory/switches.ts'
import { createWorld } from '../../src/engine/memory/world.ts'
import { name } from '../support/build.ts'
import { containerContract } from './contract/containers.ts'
import { linkContract } from './contract/links.ts'
import { switchContract } from './contract/switches.ts'

const owner = 'tester'
const instance = 'demo'

t.test('containers', async (t) => {
  containerContract(t, async () => {
    const world = createWorld()
    const hands = createHands(world)
    const missingImage = name.image('no.such/image:1')
    world.images.unknown.add(missingImage)
    const checkedImage = name.image('local/checked:1')
    world.images.checked.add(checkedImage)
    const engine = createMemoryContainers(world, owner)
    return {
      engine,
      owner,
      instance,
      image: name.image('local/vnf:1'),
      missingImage,
      checkedImage,
      hands: {
        kill: async (of) => hands.kill(of),
        restart: async (of) => hands.restart(of),
        pause: async (of) => hands.pause(of),
        remove: async (of) => hands.removeContainer(of),
        updateLimits: async (of, limits) => hands.updateLimits(of, limits),
        setHealth: async (of, health) => hands.setHealth(of, health),
        createForeign: async (of) => hands.addForeignContainer(of),
        exists: async (of) => world.containers.has(of),
      },
      close: () => engine.close(),
    }
  })
})

t.test('switches', async (t) => {
  switchContract(t, async () => {
    const world = createWorld()
    const hands = createHands(world)
    const engine = createMemorySwitches(world, owner)
    return {
      engine,
      owner,
      instance,
      prefix: 'sc',
      rival: async () => createMemorySwitches(world, owner),
      hands: {
        addDevice: async (port) => void addDevice(world, { name: port, namespace: 0, mark: { owner, instance } }),
        deleteDevice: async (port) => hands.deleteOuter(port),
        addForeignBridge: async (bridge) => hands.addForeignBridge(bridge),
        hasBridge: async (bridge) => world.bridges.has(bridge),
        deleteBridge: async (bridge) => hands.deleteBridge(bridge),
        addForeignPort: async (bridge, port) => hands.addForeignPort(bridge, port),
        hasPort: async (bridge, port) => world.bridges.get(bridge)?.ports.has(port) ?? false,
        deletePort: async (bridge, port) => hands.deletePort(bridge, port),
        setTag: async (port, tag) => hands.setTag(port, tag),
        addFlow: async (...args) => hands.addFlow(...args),
        deleteFlow: async (...args) => hands.deleteFlow(...args),
        countFlows: async (bridge) => world.bridges.get(bridge)?.flows.length ?? 0,
        restartSwitch: async () => hands.restartSwitch(),
      },
      close: () => engine.close(),
    }
  })
})

for (const datapath of ['system', 'netdev'] as const) {
  t.test(`links beside a ${datapath} datapath`, async (t) => {
    linkContract(t, async () => {
      const world = createWorld({ datapath })
      const hands = createHands(world)
      const engine = createMemoryLinks(world, owner)
      const ends = new Map<string, ReturnType<typeof addNamespace>>()
      const pid = (of: string): number => ends.get(of)?.pid ?? 0
      return {
        engine,
        owner,
        instance,
        prefix: 'lc',
        txOffloadBreaks: datapath === 'netdev',
        hands: {
          addContainer: async (of) => {
            const made = addNamespace(world)
            ends.set(of, made)
            return made.pid
          },
          killContainer: async (of) => ends.get(of)?.end(),
          addManagement: async (of) => void addDevice(world, { name: 'eth0', namespace: pid(of) }),
          innerDevices: async (of) => [...devicesIn(world, pid(of)).keys()],
          deleteInner: async (of, device) => hands.deleteInner(pid(of), device),
          changeInner: async (of, device, change) => hands.changeInner(pid(of), device, change),
          deleteOuter: async (port) => hands.deleteOuter(port),
          setOuter: async (port, up) => hands.setOuter(port, up),
          addForeignDevice: async (device) => hands.addForeignDevice(device),
          addBridgeDevice: async (bridge) => hands.addForeignDevice(bridge),
          hasDevice: async (device) => devicesIn(world, 0).has(device),
        },
        close: () => engine.close(),
      }
    })
  })
}
