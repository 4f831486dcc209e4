import { execFileSync } from 'node:child_process'
import t from 'tap'
import { createLinkEngine } from '../../../src/engine/netns/engine.ts'
import { name } from '../../support/build.ts'
import { memoryLog } from '../../support/log.ts'
import { linkContract } from '../contract/links.ts'
import { createHands } from './hands.ts'

const netns = `sond-links-${process.pid}`
execFileSync('ip', ['netns', 'add', netns])
t.teardown(() => execFileSync('ip', ['netns', 'del', netns]))
let subjects = 0

for (const checksumOffload of ['off', 'keep'] as const) {
  t.test(`checksum offload: ${checksumOffload}`, async (t) => {
    linkContract(t, async () => {
      subjects += 1
      const owner = `test-${subjects}`
      const hands = createHands(`/run/netns/${netns}`)
      const engine = createLinkEngine({
        owner: name.owner(owner),
        netns: `/run/netns/${netns}`,
        checksumOffload,
        log: memoryLog(),
      })
      return {
        engine,
        owner,
        instance: 'demo',
        prefix: `l${subjects}`,
        txOffloadBreaks: checksumOffload === 'off',
        hands: {
          addContainer: hands.addContainer,
          killContainer: hands.killContainer,
          addManagement: hands.addManagement,
          innerDevices: hands.innerDevices,
          deleteInner: async (of, device) => {
            await hands.deleteInner(of, device)
          },
          changeInner: hands.changeInner,
          deleteOuter: async (port) => {
            await hands.deleteDevice(port)
          },
          setOuter: async (port, up) => {
            await hands.setDevice(port, up)
          },
          addForeignDevice: async (device) => {
            await hands.addDevice(device)
          },
          addBridgeDevice: async (bridge) => {
            await hands.addDevice(bridge)
          },
          hasDevice: hands.hasDevice,
        },
        async close() {
          await engine.close()
          await hands.killAll()
        },
      }
    })
  })
}
