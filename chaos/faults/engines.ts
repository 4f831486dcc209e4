import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../deploy/lab/run.ts'
import type { EngineName } from '../arena.ts'
import { engineNames } from '../arena.ts'
import { type Fault, missed, signal } from './fault.ts'

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

export const engineFaults: readonly Fault[] = [
  ...engineNames.map((engine) => end(engine, 'SIGKILL')),
  ...engineNames.map((engine) => end(engine, 'SIGTERM')),
]

export const hangFaults: readonly Fault[] = (['dockerd', 'ovsdb-server', 'ovs-vswitchd'] as const).map(hang)
