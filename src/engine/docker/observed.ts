import type { ContainerInfo, ContainerInspectInfo } from 'dockerode'
import type { ContainerState, Health, ObservedContainer, ScriptState } from '../../model/actual.ts'
import type { UnitKey } from '../../model/desired.ts'
import { parseContainerName, parseImageRef, parseObjectName, parseVnfId } from '../../model/names.ts'
import { asOwned, labels } from '../../model/ownership.ts'
import type { Owned } from '../../model/ownership.ts'
import { gateBusybox, gateMount } from './gate-script.ts'
import { fromDockerLimits } from './limits.ts'

export type ScriptName = 'start' | 'stop'

const scriptVariables = { start: 'SON_EMU_CMD', stop: 'SON_EMU_CMD_STOP' } as const

/** What of an inspected container holds until an event says otherwise. */
export interface Inspected {
  readonly container: Omit<Owned<ObservedContainer>, 'gate' | 'scripts'>
  /** Directory of its gate on the host; undefined when its program does not wait behind one. */
  readonly gate: string | undefined
  /** Directories of the host that it mounts, those of its gate aside. */
  readonly sources: readonly string[]
  /** The commands that its environment has. */
  readonly scripts: Readonly<Partial<Record<ScriptName, string>>>
}

const states: Readonly<Record<string, ContainerState>> = {
  created: 'created',
  running: 'running',
  paused: 'paused',
  restarting: 'restarting',
  removing: 'removing',
  exited: 'exited',
  dead: 'dead',
}

const healths: Readonly<Record<string, Health>> = { starting: 'starting', healthy: 'healthy', unhealthy: 'unhealthy' }

/** Docker says `none`, or nothing, of a container whose image has no check. */
const healthOf = ({ Health: told }: ContainerInspectInfo['State']): Pick<ObservedContainer, 'health'> => {
  const health = healths[told?.Status ?? '']
  return health === undefined ? {} : { health }
}

const variable = (env: readonly string[], name: string): string | undefined =>
  env.find((entry) => entry.startsWith(`${name}=`))?.slice(name.length + 1)

/** Docker's types promise networks that a stopped container does not have. */
const managementOf = (info: ContainerInspectInfo): Pick<ObservedContainer, 'management'> => {
  const networks: Partial<ContainerInspectInfo['NetworkSettings']['Networks']> = info.NetworkSettings.Networks
  const { bridge } = networks
  if (bridge === undefined || bridge.IPAddress === '') return {}
  return { management: { address: `${bridge.IPAddress}/${bridge.IPPrefixLen}`, mac: bridge.MacAddress } }
}

const count = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined

/** What its name, image and labels say; undefined when it is not marked as one of ours in full. */
const marked = (
  named: string,
  of: string,
  marks: Readonly<Record<string, string | undefined>>,
  owner: string,
): Pick<ObservedContainer, 'name' | 'role' | 'image' | 'specHash' | 'dataCenter' | keyof UnitKey> | undefined => {
  const name = parseContainerName(named.replace(/^\//, ''))
  const instance = parseObjectName(marks[labels.instance] ?? '')
  const vnf = parseVnfId(marks[labels.vnf] ?? '')
  const image = parseImageRef(of)
  const copy = count(marks[labels.copy])
  const replica = count(marks[labels.replica])
  if (marks[labels.owner] !== owner || name === undefined || instance === undefined || vnf === undefined)
    return undefined
  if (image === undefined || copy === undefined || replica === undefined) return undefined
  return {
    ...{ name, instance, copy, vnf, replica, image },
    vdu: marks[labels.vdu] ?? '',
    role: marks[labels.role] === 'sap' ? 'sap' : 'vnf',
    specHash: marks[labels.specHash] ?? '',
    dataCenter: marks[labels.dataCenter] ?? '',
  }
}

/**
 * Docker's answer in our words; undefined when it is not marked as one of ours in full.
 * @param online - text of /sys/devices/system/cpu/online
 */
export const toInspected = (info: ContainerInspectInfo, owner: string, online: string): Inspected | undefined => {
  // Docker leaves fields out that its types promise.
  const config: Partial<ContainerInspectInfo['Config']> = info.Config
  const ours = marked(info.Name, config.Image ?? '', config.Labels ?? {}, owner)
  if (ours === undefined) return undefined
  const env = config.Env ?? []
  const first = Array.isArray(config.Entrypoint) ? config.Entrypoint[0] : config.Entrypoint
  const start = variable(env, scriptVariables.start)
  const stop = variable(env, scriptVariables.stop)
  const { State: state } = info
  const gate =
    first === gateBusybox ? info.Mounts.find(({ Destination }) => Destination === gateMount)?.Source : undefined
  const isOfGate = (source: string): boolean => gate !== undefined && (source === gate || source.startsWith(`${gate}/`))
  return {
    // The owner label was compared.
    container: asOwned({
      id: info.Id,
      ...ours,
      state: states[state.Status] ?? 'dead',
      pid: state.Pid,
      startedAt: state.StartedAt,
      exitCode: state.ExitCode,
      ...(state.OOMKilled ? { outOfMemory: true } : {}),
      ...healthOf(state),
      limits: fromDockerLimits(info.HostConfig, online),
      network: info.HostConfig.NetworkMode === 'none' ? 'none' : 'bridge',
      ...managementOf(info),
    }),
    gate,
    sources: info.Mounts.flatMap(({ Type, Source }) => (Type === 'bind' && !isOfGate(Source) ? [Source] : [])),
    scripts: { ...(start === undefined ? {} : { start }), ...(stop === undefined ? {} : { stop }) },
  }
}

/** States of a container that no process of its own is in. */
const lifeless: ReadonlySet<ContainerState> = new Set(['created', 'exited', 'dead'])

/** Whether nothing is hidden of a listed container by its being unread, but how it ended: what is not known of one that runs, nobody may guess. */
export const isLifeless = (listed: ContainerInfo): boolean => {
  const state = states[listed.State]
  return state !== undefined && lifeless.has(state)
}

/**
 * One that Docker lists and cannot tell more of; undefined when it is not marked as one of ours in full.
 * @param unread - why it cannot be inspected
 */
export const toUnread = (listed: ContainerInfo, owner: string, unread: string): Inspected | undefined => {
  const ours = marked(listed.Names[0] ?? '', listed.Image, listed.Labels, owner)
  const state = states[listed.State] ?? 'dead'
  if (ours === undefined) return undefined
  return {
    // The owner label was compared.
    container: asOwned({
      id: listed.Id,
      ...ours,
      ...{ state, unread, pid: 0, startedAt: '', exitCode: Number(/^Exited \((\d+)\)/.exec(listed.Status)?.[1] ?? 0) },
      limits: { cpuset: '', cpuPeriod: 0, cpuQuota: 0, memoryBytes: 0 },
      network: listed.HostConfig.NetworkMode === 'none' ? 'none' : 'bridge',
    }),
    gate: undefined,
    sources: [],
    scripts: {},
  }
}

/** Puts what changes without an event to what was inspected. */
export const toObserved = (
  inspected: Inspected,
  gate: ObservedContainer['gate'],
  scripts: Readonly<Partial<Record<ScriptName, ScriptState>>>,
): Owned<ObservedContainer> => asOwned({ ...inspected.container, gate, scripts })
