import { type ImageRef, must, parseImageRef } from '../model/names.ts'
import type {
  InstanceSettings,
  PathPolicy,
  PlacementPolicy,
  PoolName,
  PoolSettings,
  SondConfiguration,
} from '../model/documents.ts'

/** The daemon's settings as they hold for one instance. */
export interface EffectiveSettings {
  readonly deploySaps: boolean
  readonly bidirectional: boolean
  readonly requireForwardingGraphs: boolean
  readonly path: PathPolicy
  readonly dockerManagement: boolean
  readonly placement: PlacementPolicy
  readonly pools: Readonly<Record<PoolName, PoolSettings>>
  readonly forcePull: boolean
  readonly buildDockerfiles: boolean
  /** Patterns of the images that may run. */
  readonly allowedImages: readonly string[]
  readonly resultsDirectory: string
  /** The daemon allows privileged containers; each needs the instance's word too. */
  readonly allowPrivileged: boolean
  /** What an internal SAP's container is made of. */
  readonly sap: SapUnit
}

export interface SapUnit {
  readonly image: ImageRef
  /** Fraction of one CPU. */
  readonly bandwidth: number
  readonly memoryBytes: number
}

/** The gatekeeper's own SAP descriptor: one virtual CPU, 1 GB. */
const sapImage = 'sonatanfv/son-emu-sap'
export const defaultSapUnit: SapUnit = {
  image: must(parseImageRef(sapImage), sapImage),
  bandwidth: 1,
  memoryBytes: 1024 ** 3,
}

/** An instance's word wins; where it is silent, the daemon's holds. `sap`: from the file that `saps.vnfd` names, when there is one. */
export const effectiveSettings = (
  spec: SondConfiguration['spec'],
  overrides: InstanceSettings,
  sap: SapUnit = defaultSapUnit,
): EffectiveSettings => ({
  deploySaps: overrides.deploySaps ?? spec.saps.deploy,
  bidirectional: overrides.bidirectional ?? spec.chaining.bidirectional,
  requireForwardingGraphs: overrides.requireForwardingGraphs ?? spec.chaining.requireForwardingGraphs,
  path: overrides.path ?? spec.chaining.path,
  dockerManagement: overrides.dockerManagement ?? spec.management.dockerNetwork,
  placement: overrides.placement ?? spec.placement.policy,
  pools: spec.pools,
  forcePull: overrides.forcePull ?? spec.images.forcePull,
  buildDockerfiles: overrides.buildDockerfiles ?? spec.images.buildDockerfiles,
  allowedImages: spec.images.allow,
  resultsDirectory: spec.results.directory,
  allowPrivileged: spec.policy.privileged,
  sap,
})
