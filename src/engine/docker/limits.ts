import type { Limits } from '../../model/desired.ts'

/** The part of Docker's HostConfig that limits are. */
export interface DockerLimits {
  readonly CpusetCpus: string
  readonly CpuPeriod: number
  readonly CpuQuota: number
  readonly Memory: number
  readonly MemorySwap: number
}

/** CPU numbers of `0-2,5`, sorted; text that is no such list gives undefined. */
const cpuNumbers = (text: string): readonly number[] | undefined => {
  const numbers = new Set<number>()
  for (const part of text.split(',')) {
    const [, first, last = first] = /^\s*(\d{1,5})(?:-(\d{1,5}))?\s*$/.exec(part) ?? []
    if (first === undefined || last === undefined) return undefined
    for (let number = Number(first); number <= Number(last); number += 1) numbers.add(number)
  }
  return [...numbers].sort((one, other) => one - other)
}

const asList = (cpuset: string): string => cpuNumbers(cpuset)?.join(',') ?? cpuset

/** All CPUs as one range, `0-0` on a host with one. Sets of the user are written as lists, so that this form means `any`. */
const anyCpu = (online: string): string => (online.includes('-') ? online : `${online}-${online}`)

/** A limit above any host's memory, 1 PiB: Docker refuses to take a limit away (-1) from a container that is there. */
const anyMemory = 2 ** 50

/** What a new container is created with. Memory and swap together are limited to `Memory`, so that it can be changed both ways in place. */
export const toDockerLimits = (limits: Limits): DockerLimits => ({
  CpusetCpus: limits.cpuset === '' ? '' : asList(limits.cpuset),
  CpuPeriod: limits.cpuPeriod,
  CpuQuota: limits.cpuQuota,
  Memory: limits.memoryBytes,
  MemorySwap: limits.memoryBytes,
})

/** What a container that is there is changed with: Docker takes 0 and an empty set for `leave it`. `online`: /sys/devices/system/cpu/online. */
export const toDockerUpdate = (limits: Limits, online: string): DockerLimits => ({
  CpusetCpus: limits.cpuset === '' ? anyCpu(online) : asList(limits.cpuset),
  CpuPeriod: limits.cpuPeriod,
  CpuQuota: limits.cpuQuota === 0 ? -1 : limits.cpuQuota,
  Memory: limits.memoryBytes === 0 ? anyMemory : limits.memoryBytes,
  MemorySwap: limits.memoryBytes === 0 ? anyMemory : limits.memoryBytes,
})

export const fromDockerLimits = (
  limits: Readonly<{ [Key in keyof DockerLimits]?: DockerLimits[Key] | undefined }>,
  online: string,
): Limits => {
  const cpuset = limits.CpusetCpus ?? ''
  const memory = limits.Memory ?? 0
  return {
    cpuset: cpuset === '' || cpuset === anyCpu(online) ? '' : asList(cpuset),
    cpuPeriod: limits.CpuPeriod ?? 0,
    cpuQuota: Math.max(0, limits.CpuQuota ?? 0),
    memoryBytes: memory >= anyMemory ? 0 : Math.max(0, memory),
  }
}
