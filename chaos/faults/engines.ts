import { readFile, writeFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { run, until } from '../../deploy/lab/run.ts'
import { shimsOf } from '../../test/support/engines.ts'
import type { EngineName } from '../arena.ts'
import { engineNames } from '../arena.ts'
import { readContainers, readDevices } from '../world.ts'
import { type Fault, missed, signal, steadily } from './fault.ts'

const HANG = 10_000
const RETURN_TIMEOUT = 60_000

const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** Ends it; sond, whose child it is, starts it again. */
const end = (engine: EngineName, how: 'SIGKILL' | 'SIGTERM'): Fault => ({
  name: `${engine} ${how === 'SIGKILL' ? 'killed' : 'restarted'}`,
  strike: async (arena, _random, foreign) => {
    const pid = await arena.enginePid(engine)
    if (!signal(pid, how)) return missed
    await until(`${engine} to end`, async () => !isAlive(pid), RETURN_TIMEOUT)
    if (engine === 'ovs-vswitchd') {
      await until('another switch', async () => ![0, pid].includes(await arena.enginePid(engine)), RETURN_TIMEOUT)
      await foreign.restoreFlows()
    }
    return `process ${pid}`
  },
})

const hang = (engine: EngineName): Fault => ({
  name: `${engine} hung`,
  strike: async (arena) => {
    const pid = await arena.enginePid(engine)
    if (!signal(pid, 'SIGSTOP')) return missed
    await delay(HANG)
    signal(pid, 'SIGCONT')
    return `process ${pid}, ${HANG / 1000} s`
  },
})

/** As after a power failure: of sond's own nothing runs, no device is there. What others have stays, so that it can be compared. */
const everything: Fault = {
  name: 'everything killed',
  strike: async (arena, _random, foreign) => {
    const { lab, inside } = arena
    const containers = await steadily(() => readContainers(arena))
    const engines = await Promise.all(engineNames.map((engine) => arena.enginePid(engine)))
    const shims = (await Promise.all([...containers.values()].map(({ Id }) => shimsOf(Id)))).flat()
    const before = await arena.enginePid('ovs-vswitchd')
    await lab.kill()
    const programs = [...containers.values()].map(({ State }) => State.Pid)
    for (const pid of [...engines, ...shims, ...programs]) signal(pid, 'SIGKILL')
    for (const { ifname, ifalias } of await readDevices(arena)) {
      // The other end's namespace may have taken it along.
      if (ifalias?.startsWith('sond:') === true) await run('ip', ['-n', lab.netns, 'link', 'del', ifname])
    }
    await inside('nft', 'delete', 'table', 'ip', 'sond_sond').catch(() => undefined) // where no service has a way out
    await lab.start()
    await until(
      'another switch',
      async () => ![0, before].includes(await arena.enginePid('ovs-vswitchd')),
      RETURN_TIMEOUT,
    )
    await foreign.restoreFlows()
    return `${engines.length} engines, ${shims.length} containers, sond`
  },
}

/** Files of a control group's memory below /sys/fs/cgroup, by the kernel's version of control groups. */
const memoryOf = (group: string) => [
  {
    limit: `memory/${group}/memory.limit_in_bytes`,
    usage: `memory/${group}/memory.usage_in_bytes`,
    refusals: `memory/${group}/memory.failcnt`,
    unbounded: '-1',
  },
  {
    limit: `${group}/memory.max`,
    usage: `${group}/memory.current`,
    refusals: `${group}/memory.events`,
    unbounded: 'max',
  },
]

/** How often the kernel gave none: a number alone, or the line `max N` (cgroup-v1/memory.rst, cgroup-v2.rst). */
const refusalsIn = (text: string): number => Number(/(?:^|\nmax )(\d+)/.exec(text)?.[1] ?? 0)

const read = (file: string): Promise<string> => readFile(`/sys/fs/cgroup/${file}`, 'utf8')
const write = (file: string, value: string): Promise<void> => writeFile(`/sys/fs/cgroup/${file}`, value)

/** Room beyond what is in use: enough for what rests, too little for what starts. */
const SPARE_BYTES = 256 * 1024

/** A container ends meanwhile, so that one has to start in any case. */
const memory: Fault = {
  name: 'memory short',
  strike: async (arena, random) => {
    const { lab } = arena
    const ms = 1_000 + random.below(3_000)
    const containers = await steadily(() => readContainers(arena))
    const ended = random.pick([...containers.keys()].sort()) ?? ''
    for (const { limit, usage, refusals, unbounded } of memoryOf(lab.netns)) {
      const used = await read(usage).catch(() => undefined)
      if (used === undefined) continue
      const before = refusalsIn(await read(refusals))
      await write(limit, String(Number(used) + SPARE_BYTES))
      signal(containers.get(ended)?.State.Pid ?? 0, 'SIGKILL')
      await delay(ms)
      await write(limit, unbounded)
      return `${ended}, for ${ms} ms, refused ${refusalsIn(await read(refusals)) - before} times`
    }
    return missed
  },
}

export const engineFaults: readonly Fault[] = [
  ...engineNames.map((engine) => end(engine, 'SIGKILL')),
  ...engineNames.map((engine) => end(engine, 'SIGTERM')),
  everything,
  memory,
]

export const hangFaults: readonly Fault[] = engineNames.map(hang)
