import { containerFaults } from './containers.ts'
import { daemonFaults } from './daemon.ts'
import { engineFaults, hangFaults } from './engines.ts'
import type { Fault } from './fault.ts'
import { linkFaults } from './links.ts'

export const faults: readonly Fault[] = [
  ...daemonFaults,
  ...containerFaults,
  ...engineFaults,
  ...linkFaults,
  ...hangFaults,
]
