import type {
  Conflict,
  ObservedBridge,
  ObservedContainer,
  ObservedFlow,
  ObservedNatRule,
  ObservedPort,
  ObservedWire,
} from './actual.ts'
import type {
  DesiredBridge,
  DesiredContainer,
  DesiredFlow,
  DesiredInterface,
  DesiredTrunk,
  Limits,
  PatchEnd,
  Scope,
} from './desired.ts'
import type { BridgeName, Cidr, ContainerName, ImageRef, LinkId } from './names.ts'
import type { Owned } from './ownership.ts'

/** Unique within a plan; readable, e.g. `start:sond.demo.0.fw.0`. */
export type StepId = string

interface Payloads {
  pullImage: { readonly image: ImageRef; readonly force: boolean }
  buildImage: { readonly image: ImageRef; readonly package: string; readonly folder: string }
  createBridge: { readonly bridge: DesiredBridge }
  updateBridge: { readonly bridge: DesiredBridge }
  removeBridge: { readonly bridge: Owned<ObservedBridge> }
  createContainer: { readonly container: DesiredContainer }
  startContainer: { readonly name: ContainerName }
  unpauseContainer: { readonly name: ContainerName }
  updateLimits: { readonly name: ContainerName; readonly limits: Limits }
  removeContainer: { readonly container: Owned<ObservedContainer> }
  createWire: { readonly interface: DesiredInterface }
  /** `stale`: addresses that were ours on this interface and are no more. */
  configureWire: { readonly interface: DesiredInterface; readonly stale: readonly Cidr[] }
  removeWire: { readonly wire: Owned<ObservedWire> }
  renameManagement: { readonly name: ContainerName; readonly interface: string }
  createTrunk: { readonly trunk: DesiredTrunk }
  shapeTrunk: { readonly trunk: DesiredTrunk }
  setPort: { readonly port: DesiredPort }
  removePort: { readonly port: Owned<ObservedPort> }
  openGate: { readonly name: ContainerName }
  changeFlows: { readonly bridge: BridgeName; readonly changes: readonly FlowChange[] }
  addNat: { readonly bridge: BridgeName; readonly subnet: string }
  removeNat: { readonly rule: Owned<ObservedNatRule> }
  runScript: { readonly name: ContainerName; readonly script: 'start' }
  runStopScripts: { readonly names: readonly ContainerName[]; readonly waitMs: number }
}

export type StepKind = keyof Payloads

/** A port as a switch shall have it: on a veth's outer end, or one end of a patch. */
export type DesiredPort = { readonly peer?: string } & PatchEnd

export interface FlowChange {
  readonly op: 'add' | 'remove'
  readonly flow: DesiredFlow | Owned<ObservedFlow>
  /** Left out of the bundle when one of these steps failed. */
  readonly after: readonly StepId[]
}

interface StepBase {
  readonly id: StepId
  /** Runs when all of these have succeeded; is skipped when one failed or was skipped. */
  readonly after: readonly StepId[]
  /** Runs when all of these have ended, however. */
  readonly afterEnd: readonly StepId[]
  /** Why: what differs, in a few words a user understands. */
  readonly cause: string
  /** What of the instance it serves, for status: links and containers that are not ready when it fails. */
  readonly serves: { readonly containers: readonly ContainerName[]; readonly links: readonly LinkId[] }
}

/** One step: what to do, with everything needed to do it, and why. */
export type Step = { readonly [K in StepKind]: { readonly kind: K } & Payloads[K] & StepBase }[StepKind]

/** What the planner saw and did not act on. */
export type PlanNotice =
  | { readonly code: 'CONFLICT'; readonly conflict: Conflict }
  | { readonly code: 'HELD_BACK'; readonly container: ContainerName; readonly reason: string }
  | { readonly code: 'WAITING'; readonly container: ContainerName; readonly reason: string }

/** Steps in an order in which they can run one by one; `after` tells what may run side by side. */
export interface Plan {
  readonly scope: Scope
  readonly steps: readonly Step[]
  readonly notices: readonly PlanNotice[]
}

/** Facts that the planner needs beside desired and actual; it has no clock of its own. */
export interface PlanPolicy {
  /** Containers that may not be started or recreated now, with the reason (crash back-off, a missing image's back-off). */
  readonly heldBack: ReadonlyMap<ContainerName, string>
  /** Start scripts that failed, with why and when they are tried again; `due`: now. */
  readonly failedScripts?: ReadonlyMap<ContainerName, { readonly reason: string; readonly due: boolean }>
  /** Steps that failed and are not tried again yet, with those that only they hold up: connections go by other replicas meanwhile. */
  readonly failedSteps?: ReadonlySet<StepId>
  /** Milliseconds for stop scripts, all together. */
  readonly stopWaitMs: number
  /** Transmit checksum offload must be off (userspace datapath). */
  readonly txOffloadBreaks: boolean
}

export const isEmpty = (plan: Plan): boolean => plan.steps.length === 0

/** How a step ended. */
export type StepOutcome =
  | { readonly step: Step; readonly result: 'done'; readonly ms: number }
  | { readonly step: Step; readonly result: 'failed'; readonly ms: number; readonly error: Error }
  | { readonly step: Step; readonly result: 'skipped'; readonly because: StepId }
