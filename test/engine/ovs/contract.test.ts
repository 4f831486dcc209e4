import t from 'tap'
import { createSwitchEngine } from '../../../src/engine/ovs/engine.ts'
import { name } from '../../support/build.ts'
import { startTestEngines } from '../../support/engines.ts'
import { memoryLog } from '../../support/log.ts'
import { switchContract } from '../contract/switches.ts'
import { createHands } from './hands.ts'

const engines = await startTestEngines(t, { parts: { docker: false, switches: true }, datapath: 'netdev' })
const hands = createHands(engines)
let subjects = 0

switchContract(t, async () => {
  subjects += 1
  const owner = `test-${subjects}`
  const instance = 'demo'
  const prefix = `s${subjects}`
  const make = () =>
    createSwitchEngine({ owner: name.owner(owner), ovsdb: engines.ovsdbUrl, datapath: 'auto', log: memoryLog() })
  const engine = make()
  const devices = new Set<string>()
  return {
    engine,
    owner,
    instance,
    prefix,
    rival: async () => make(),
    hands: {
      addDevice: async (port) => {
        await hands.addDevice(port, `sond:${owner}:${instance}`)
        devices.add(port)
      },
      deleteDevice: async (port) => {
        await hands.deleteDevice(port)
        devices.delete(port)
      },
      addForeignBridge: hands.addBridge,
      hasBridge: hands.hasBridge,
      deleteBridge: async (bridge) => {
        await hands.deleteBridge(bridge)
      },
      addForeignPort: async (bridge, port) => {
        await hands.addInternalPort(bridge, port)
      },
      hasPort: hands.hasPort,
      deletePort: async (bridge, port) => {
        await hands.deletePort(bridge, port)
      },
      setTag: async (port, tag) => {
        await hands.vsctl('set', 'port', port, `tag=${tag}`, 'trunks=[]', 'vlan_mode=access')
      },
      addFlow: async (bridge, cookie, priority, match, actions) => {
        await hands.addFlow(bridge, `cookie=${cookie},priority=${priority},${match},actions=${actions}`)
      },
      deleteFlow: async (bridge, priority, match) => {
        await hands.deleteFlow(bridge, priority, match)
      },
      countFlows: hands.countFlows,
      restartSwitch: () => hands.restart('ovs-vswitchd'),
    },
    async close() {
      await engine.close()
      const bridges = (await hands.vsctl('list-br')).split('\n').filter((bridge) => bridge.startsWith(prefix))
      for (const bridge of bridges) await hands.deleteBridge(bridge)
      for (const device of devices) if (await hands.hasDevice(device)) await hands.deleteDevice(device)
    },
  }
})
