import type { StepId } from '../model/plan.ts'

/** Names of steps: the same thing to do has the same name in every plan. */
export const stepId = {
  image: (image: string): StepId => `image:${image}`,
  bridge: (name: string): StepId => `bridge:${name}`,
  removeBridge: (name: string): StepId => `remove-bridge:${name}`,
  addNat: (bridge: string, subnet: string): StepId => `nat:${bridge}:${subnet}`,
  removeNat: (bridge: string, subnet: string): StepId => `remove-nat:${bridge}:${subnet}`,
  stopScripts: (container?: string): StepId => (container === undefined ? 'stop-scripts' : `stop-script:${container}`),
  removeContainer: (name: string): StepId => `remove:${name}`,
  createContainer: (name: string): StepId => `create:${name}`,
  limits: (name: string): StepId => `limits:${name}`,
  start: (name: string): StepId => `start:${name}`,
  unpause: (name: string): StepId => `unpause:${name}`,
  management: (name: string): StepId => `management:${name}`,
  trunk: (link: string): StepId => `trunk:${link}`,
  shape: (link: string): StepId => `shape:${link}`,
  wire: (port: string): StepId => `wire:${port}`,
  configure: (port: string): StepId => `configure:${port}`,
  removeWire: (port: string): StepId => `remove-wire:${port}`,
  port: (name: string): StepId => `port:${name}`,
  removePort: (name: string): StepId => `remove-port:${name}`,
  gate: (container: string): StepId => `gate:${container}`,
  /** `late` names what the bundle waits for, where it is not the switch's first. */
  flows: (bridge: string, late = ''): StepId => `flows:${bridge}${late === '' ? '' : `@${late}`}`,
  /** After this one ports may leave the switch. */
  earlyFlows: (bridge: string): StepId => `flows:${bridge}@early`,
  script: (container: string): StepId => `script:${container}`,
}
