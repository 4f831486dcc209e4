/** What becomes of a package, as far as predecessor and successor can be compared. Mutable: rules change expectations. */
export interface Outcome {
  containers: Map<string, ContainerOutcome>
  lines: LineOutcome[]
  lans: LanOutcome[]
  externalSaps: Map<string, { address: string; subnet: string }>
  /** Interface addresses at the end, by container and cleaned interface name. */
  addresses: Map<string, string>
  /** Links that are not wired at all, by id. */
  ignored: string[]
}

export interface ContainerOutcome {
  kind: 'vnf' | 'sap'
  image: string
  cpuset: string
  cpuPeriod: number
  cpuQuota: number
  memoryBytes: number
  interfaces: string[]
  env: Record<string, string>
  volumes: string[]
}

export interface LineOutcome {
  id: string
  references: string[]
  /** Empty when chained. */
  skipped: '' | 'END_MISSING' | 'SAPS_ONLY'
  subnet: string
  /** Address at each of the first two ends; of an external SAP that of its switch; empty where skipped. */
  addresses: string[]
}

export interface LanOutcome {
  id: string
  references: string[]
  subnet: string
  members: { reference: string; present: boolean; address: string }[]
}

/** A difference on purpose, found in one package. */
export interface Mend {
  readonly rule: string
  readonly where: string
}
