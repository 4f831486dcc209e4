import type { ContainerEngine, SwitchEngine } from '../../src/engine/ports.ts'
import { asOwned } from '../../src/model/ownership.ts'
import { builder, name } from './build.ts'

/** Every call of an engine's port, each with an object that it could be about: a method that is new has to be listed here. */

const build = builder({ owner: 'sond', instance: 'demo', cookie: 7 })
export const container = build.container('fw')
export const wire = build.wire(container, 'input', 'svport', 'sond-dc1', { address: name.cidr('10.30.0.1/30') })
export const bridge = build.bridge('sond-dc1')

type Calls<Method extends string> = Readonly<Record<Method, () => Promise<unknown>>>

/** Reads lines to their end. */
export const drain = async (lines: AsyncIterable<string>): Promise<void> => {
  const iterator = lines[Symbol.asyncIterator]()
  while ((await iterator.next()).done !== true) continue
}

/** All but `subscribe`, which does not wait for an engine: it listens once there is one. */
export const containerCalls = (
  engine: ContainerEngine,
): Calls<Exclude<keyof ContainerEngine, 'close' | 'subscribe'>> => {
  const image = name.image('another:1')
  const of = container.name
  const observed = asOwned({
    ...container,
    ...({ id: 'abc', state: 'running', pid: 7, startedAt: '', exitCode: 0, gate: 'open', network: 'none' } as const),
    scripts: {},
  })
  return {
    ping: () => engine.ping(),
    observe: () => engine.observe(),
    conflicts: () => engine.conflicts([of]),
    presentImages: () => engine.presentImages([image]),
    pullImage: () => engine.pullImage(image, () => undefined),
    buildImage: () => engine.buildImage(image, new Uint8Array(1024), () => undefined),
    create: () => engine.create(container),
    start: () => engine.start(of),
    unpause: () => engine.unpause(of),
    updateLimits: () => engine.updateLimits(of, container.limits),
    remove: () => engine.remove(observed),
    openGate: () => engine.openGate(of),
    pidOf: () => engine.pidOf(of),
    runScript: () => engine.runScript(of, 'start', undefined),
    scriptOutput: () => engine.scriptOutput(of, 'start'),
    logs: () => drain(engine.logs(of, {})),
    exec: () => engine.exec(of, ['true']),
    networks: () => engine.networks(),
  }
}

export const switchCalls = (engine: SwitchEngine): Calls<Exclude<keyof SwitchEngine, 'close'>> => {
  const own = asOwned({ ...bridge, datapathType: '', failMode: '', ownPortIds: {}, addresses: [], live: true })
  const port = { name: wire.port, bridge: wire.bridge, kind: 'system', trunks: [], externalIds: {} } as const
  return {
    ping: () => engine.ping(),
    subscribe: () => engine.subscribe(() => undefined),
    claim: () => engine.claim(),
    datapath: () => engine.datapath(),
    observe: () => engine.observe({}, []),
    setBridge: () => engine.setBridge(bridge),
    removeBridge: () => engine.removeBridge(own),
    setPort: () => engine.setPort({ port: wire.port, bridge: wire.bridge, externalIds: {} }),
    removePort: () => engine.removePort(asOwned(port)),
    changeFlows: () =>
      engine.changeFlows(bridge.name, [{ op: 'add', flow: build.flow('a', 'b', 'sond-dc1'), after: [] }]),
  }
}
