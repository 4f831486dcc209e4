import type { Engines, ScriptOutput } from '../engine/ports.ts'
import type { DesiredBridge } from '../model/desired.ts'
import { must, parseInterfaceName, type ContainerName, type ImageRef } from '../model/names.ts'
import type { FlowChange, Step, StepKind } from '../model/plan.ts'

/** What steps are carried out with. */
export interface StepTools {
  readonly engines: Engines
  readonly pidOf: (container: ContainerName) => Promise<number>
  /** The folder of a package as an uncompressed tar. */
  readonly buildContext: (packageDigest: string, folder: string) => Promise<Uint8Array>
  readonly progress: (image: ImageRef, line: string) => void
  /** Called for each stop script that was run; `output` undefined when it did not end in its time. */
  readonly stopped: (container: ContainerName, output: ScriptOutput | undefined, waitMs: number) => void
  /** Without the changes that wait for a step that did not succeed. */
  readonly possible: (changes: readonly FlowChange[]) => readonly FlowChange[]
}

type StepOf<K extends StepKind> = Extract<Step, { readonly kind: K }>
type Runners = { readonly [K in StepKind]: (step: StepOf<K>, tools: StepTools) => Promise<unknown> }

const setBridge = async (bridge: DesiredBridge, { switches, links }: Engines): Promise<void> => {
  await switches.setBridge(bridge)
  if (bridge.address !== undefined) await links.setAddress(bridge.name, bridge.address)
}

const runners: Runners = {
  pullImage: ({ image }, { engines, progress }) =>
    engines.containers.pullImage(image, (line) => {
      progress(image, line)
    }),
  buildImage: async ({ image, package: digest, folder }, { engines, buildContext, progress }) =>
    engines.containers.buildImage(image, await buildContext(digest, folder), (line) => {
      progress(image, line)
    }),
  createBridge: ({ bridge }, { engines }) => setBridge(bridge, engines),
  updateBridge: ({ bridge }, { engines }) => setBridge(bridge, engines),
  removeBridge: ({ bridge }, { engines }) => engines.switches.removeBridge(bridge),
  createContainer: ({ container }, { engines }) => engines.containers.create(container),
  startContainer: ({ name }, { engines }) => engines.containers.start(name),
  unpauseContainer: ({ name }, { engines }) => engines.containers.unpause(name),
  updateLimits: ({ name, limits }, { engines }) => engines.containers.updateLimits(name, limits),
  removeContainer: ({ container }, { engines }) => engines.containers.remove(container),
  createWire: async ({ interface: wire }, { engines, pidOf }) =>
    engines.links.createWire(wire, await pidOf(wire.container)),
  configureWire: async ({ interface: wire, stale }, { engines, pidOf }) =>
    engines.links.configureWire(wire, await pidOf(wire.container), stale),
  removeWire: ({ wire }, { engines }) => engines.links.removeWire(wire),
  renameManagement: async ({ name, interface: inner }, { engines, pidOf }) =>
    engines.links.renameManagement(await pidOf(name), must(parseInterfaceName(inner), inner)),
  createTrunk: ({ trunk }, { engines }) => engines.links.createTrunk(trunk),
  shapeTrunk: ({ trunk }, { engines }) => engines.links.shapeTrunk(trunk),
  setPort: ({ port }, { engines }) => engines.switches.setPort(port),
  removePort: ({ port }, { engines }) => engines.switches.removePort(port),
  openGate: ({ name }, { engines }) => engines.containers.openGate(name),
  changeFlows: ({ bridge, changes }, { engines, possible }) => engines.switches.changeFlows(bridge, possible(changes)),
  addNat: ({ bridge, subnet }, { engines }) => engines.links.addNat(bridge, subnet),
  removeNat: ({ rule }, { engines }) => engines.links.removeNat(rule),
  runScript: ({ name, script }, { engines }) => engines.containers.runScript(name, script, undefined),
  runStopScripts: async ({ names, waitMs }, { engines: { containers }, stopped }) => {
    const ends = await Promise.allSettled(
      names.map(async (name) => {
        await containers.runScript(name, 'stop', { ms: waitMs })
        stopped(name, await containers.scriptOutput(name, 'stop'), waitMs)
      }),
    )
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  },
}

/** Carries out one step. */
export const runStep = async (step: Step, tools: StepTools): Promise<void> => {
  // The compiler does not see that the runner found by a step's kind takes that step.
  const run = runners[step.kind] as (step: Step, tools: StepTools) => Promise<unknown>
  await run(step, tools)
}
