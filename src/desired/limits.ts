import type { Limits } from '../model/desired.ts'
import type { CpuRequest } from '../model/documents.ts'
import { type Notice, notice } from './result.ts'

/** Microseconds; the gatekeeper's, and the longest the kernel takes. */
const cpuPeriod = 1_000_000
/** Microseconds; the kernel takes no less. */
const leastQuota = 1000
/** Docker refuses containers with less memory than 6 MiB. */
const leastMemory = 6 * 1024 ** 2
const defaultMemory = 2 * 1024 ** 3

const cpuRange = /^\s*(\d{1,5})(?:\s*-\s*(\d{1,5}))?\s*$/u

/** CPU numbers of a set such as `0,2-3`; undefined when it is not one. */
const parseCpuset = (text: string): readonly number[] | undefined => {
  const numbers = new Set<number>()
  for (const part of text.split(',')) {
    const [, first, last = first] = cpuRange.exec(part) ?? []
    if (first === undefined || Number(last) < Number(first)) return undefined
    for (let cpu = Number(first); cpu <= Number(last); cpu += 1) numbers.add(cpu)
  }
  return [...numbers].sort((a, b) => a - b)
}

const cpusetOf = (subject: string, cores: string | undefined, cpus: number, notices: Notice[]): string => {
  if (cores === undefined || cores.trim() === '') return ''
  const asked = parseCpuset(cores)
  if (asked === undefined) {
    notices.push(
      notice(
        'CPUSET_IGNORED',
        `${subject}: cores ${JSON.stringify(cores)} is not a set of CPU numbers such as "0,1" or "0-3", so it may use any CPU.`,
      ),
    )
    return ''
  }
  const had = asked.filter((cpu) => cpu < cpus)
  if (had.length < asked.length) {
    const rest = had.length === 0 ? 'it may use any CPU' : `it is limited to ${had.join(',')}`
    notices.push(
      notice(
        'CPUSET_LIMITED',
        `${subject}: cores ${JSON.stringify(cores)} names CPUs that this host lacks (it has 0-${cpus - 1}), so ${rest}.`,
      ),
    )
  }
  return had.join(',')
}

/**
 * Limits of a container. `cores` is a set of CPU numbers and the only thing that pins; `vcpus` is a count. Bandwidth is a fraction of one CPU,
 * 1 when absent, unlimited when negative; neither goes beyond the host.
 */
export const limitsOf = (
  subject: string,
  cpu: CpuRequest,
  memoryBytes: number | undefined,
  cpus: number,
): { readonly limits: Limits; readonly notices: readonly Notice[] } => {
  const notices: Notice[] = []
  const cpuset = cpusetOf(subject, cpu.cores, cpus, notices)
  const bandwidth = cpu.bandwidth ?? 1
  const counted = Math.max(bandwidth, cpu.vcpus ?? 0)
  if (counted > cpus) {
    notices.push(
      notice('CPU_LIMITED', `${subject}: asks for ${counted} CPUs and gets no more than the ${cpus} of this host.`),
    )
  }
  const memory = memoryBytes ?? defaultMemory
  if (memory < leastMemory) {
    notices.push(
      notice(
        'MEMORY_RAISED',
        `${subject}: ${memory} bytes of memory are too few for a container, it gets ${leastMemory}.`,
      ),
    )
  }
  return {
    limits: {
      cpuset,
      cpuPeriod,
      cpuQuota: bandwidth < 0 ? 0 : Math.max(leastQuota, Math.floor(cpuPeriod * Math.min(bandwidth, cpus))),
      memoryBytes: Math.max(leastMemory, Math.floor(memory)),
    },
    notices,
  }
}

/** What a container counts for against a data center's capacity: its quota, or when unlimited its count of CPUs. */
export const cpuDemand = (limits: Limits, vcpus: number | undefined): number =>
  limits.cpuQuota === 0 ? (vcpus ?? 1) : limits.cpuQuota / limits.cpuPeriod
