import { readFile } from 'node:fs/promises'
import { createDockerEngine } from '../engine/docker/engine.ts'
import { startEmbeddedEngines } from '../engine/embedded/embedded.ts'
import { createMemoryEngines } from '../engine/memory/engines.ts'
import { createLinkEngine } from '../engine/netns/engine.ts'
import { createSwitchEngine } from '../engine/ovs/engine.ts'
import type { Engines } from '../engine/ports.ts'
import type { Log } from '../model/log.ts'
import type { Owner } from '../model/names.ts'
import { OptionsError, type Options } from './options.ts'

export interface RunningEngines {
  readonly engines: Engines
  readonly datapath: 'system' | 'netdev'
  /** Ends what was started for this daemon alone; containers of a host's engine stay. */
  readonly stop: () => Promise<void>
}

const busyboxes = ['/bin/busybox', '/usr/bin/busybox']

/** Program header of type PT_INTERP: it names the loader of a dynamic program (ELF-64, little endian; elf(5)). */
const isDynamic = (elf: Buffer): boolean => {
  const first = Number(elf.readBigUInt64LE(0x20))
  const size = elf.readUInt16LE(0x36)
  const count = elf.readUInt16LE(0x38)
  return Array.from({ length: count }, (_, index) => elf.readUInt32LE(first + index * size)).includes(3)
}

/** Only a static one runs inside any image. */
const findBusybox = async (): Promise<string> => {
  for (const path of busyboxes) {
    const bytes = await readFile(path).catch(() => undefined)
    if (bytes !== undefined && !isDynamic(bytes)) return path
  }
  throw new Error(`no static busybox at ${busyboxes.join(' or ')}: apt-get install busybox-static`)
}

/** CAP_NET_ADMIN and CAP_SYS_ADMIN (linux/capability.h): to make devices, and to make them in the namespaces of containers. */
const neededCapabilities = (1n << 12n) | (1n << 21n)

/** Whether `/proc/PID/status` tells of a process that may wire containers. */
export const mayWire = (status: string): boolean => {
  const [, mask = '0'] = /^CapEff:\s*([0-9a-f]+)$/m.exec(status) ?? []
  return (BigInt(`0x${mask}`) & neededCapabilities) === neededCapabilities
}

/** Where engines are; `netns` undefined = the switches are in the daemon's own namespace. */
interface Addresses {
  readonly docker: string
  readonly ovsdb: string
  readonly runDirectory?: string
  readonly netns?: string
}

/** The engines that the settings ask for; fails when `signal` aborts meanwhile, and leaves nothing behind. */
export const startEngines = async (
  options: Options,
  owner: Owner,
  log: Log,
  signal: AbortSignal,
): Promise<RunningEngines> => {
  const { mode, docker, ovsdb, datapath } = options.spec.engines
  if (mode === 'memory') {
    const engines = createMemoryEngines({ owner })
    return { engines, datapath: await engines.switches.datapath(), stop: () => Promise.resolve() }
  }
  const busybox = await findBusybox()
  if (mode === 'host' && !mayWire(await readFile('/proc/self/status', 'utf8')))
    throw new OptionsError('to wire containers on this host sond needs root (without root: --engines memory)')
  if (mode === 'host') return connect({ docker, ovsdb }, () => Promise.resolve())
  const { stateDir, runDir, keepEngines: keep } = options
  const embedded = await startEmbeddedEngines({ stateDir, runDir, keep, log, datapath, bridge: true, signal })
  const { dockerUrl, ovsdbUrl, ovsRunDir, netns } = embedded
  const addresses = { docker: dockerUrl, ovsdb: ovsdbUrl, runDirectory: ovsRunDir, netns: netns.path }
  try {
    return await connect(addresses, () => embedded.stop())
  } catch (error) {
    await embedded.stop()
    throw error
  }

  async function connect(at: Addresses, stop: () => Promise<void>): Promise<RunningEngines> {
    signal.throwIfAborted()
    const { runDirectory } = at
    const switches = createSwitchEngine({
      ...{ owner, ovsdb: at.ovsdb, datapath, log },
      ...(runDirectory === undefined ? {} : { runDirectory }),
    })
    const close = (): void => void switches.close()
    signal.addEventListener('abort', close, { once: true })
    // A switch that is away is taken for the userspace one: computing checksums in software is right for both.
    const taken = await switches.datapath().catch(() => 'netdev' as const)
    signal.removeEventListener('abort', close)
    signal.throwIfAborted()
    const checksumOffload = taken === 'netdev' ? 'off' : 'keep'
    const engines: Engines = {
      containers: createDockerEngine({ url: at.docker, owner, stateDir: options.stateDir, busybox, log }),
      switches,
      links: createLinkEngine({ owner, netns: at.netns, log, checksumOffload }),
    }
    return { engines, datapath: taken, stop }
  }
}
