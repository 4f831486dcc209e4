import type { CpuRequest } from '../model/documents.ts'
import type { Cursor } from './cursor.ts'
import { describe, quote } from './report.ts'
import { bytesPerUnit, mostMemory, parseCpuSet } from './units.ts'

export interface UnitResources {
  readonly cpu: CpuRequest
  readonly memoryBytes?: number
}

/** The gatekeeper gives every function one CPU's time unless its descriptor says otherwise. */
const defaultBandwidth = 1
/** Docker refuses to start a container with less. */
const leastMemory = 6 * 1024 ** 2
const mostCpus = 4096

const decimalNumber = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/** A finite number, or text that is one; undefined for an absent or empty value, NaN for anything else. */
const numberAt = (cursor: Cursor): number | undefined => {
  const { value } = cursor
  if (value === undefined || value === null || value === '') return undefined
  if (typeof value === 'number') return value
  return typeof value === 'string' && decimalNumber.test(value.trim()) ? Number(value) : NaN
}

const isMapOrAbsent = (cursor: Cursor, what: string, right: string): boolean => {
  const { value } = cursor
  if (cursor.isAbsent || (typeof value === 'object' && !Array.isArray(value))) return true
  cursor.error('WRONG_TYPE', `${what} is ${describe(value)}; a map with ${right} is right`)
  return false
}

/**
 * `resource_requirements` of a deployment unit. What is missing or empty takes the gatekeeper's default: CPU time of one
 * processor here, memory (2 GB) where none is given.
 */
export const readResources = (requirements: Cursor): UnitResources => {
  if (requirements.value === null) {
    requirements.notice('DEFAULT_USED', 'resource_requirements is empty; the defaults are used (1 CPU, 2 GB)')
  }
  if (!isMapOrAbsent(requirements, 'resource_requirements', 'cpu and memory')) return { cpu: {} }
  const memoryBytes = readMemory(requirements.at('memory'))
  return { cpu: readCpu(requirements.at('cpu')), ...(memoryBytes === undefined ? {} : { memoryBytes }) }
}

const readCpu = (cpu: Cursor): CpuRequest => {
  if (!isMapOrAbsent(cpu, 'cpu', 'vcpus, cores or cpu_bw')) return {}
  const bandwidth = readBandwidth(cpu.at('cpu_bw'))
  const cores = cpu.at('cores')
  const vcpus = cpu.at('vcpus')
  if (!cores.isAbsent && cores.value !== '') return { ...readCores(cores), bandwidth }
  if (typeof vcpus.value === 'string' && /[,-]./.test(vcpus.value) && parseCpuSet(vcpus.value) !== undefined) {
    vcpus.notice('CPU_SET', `vcpus is a count; ${quote(vcpus.value)} is taken as the CPU set that belongs in cores`)
    return { ...readCores(vcpus), bandwidth }
  }
  return { ...readCount(vcpus), bandwidth }
}

const readCores = (cores: Cursor): CpuRequest => {
  const set = parseCpuSet(cores.source() ?? '')
  if (set !== undefined) return { cores: set }
  cores.error('CPU_SET', `cores is ${describe(cores.value)}; a set of CPU numbers such as "0,1" or "0-3" is right`)
  return {}
}

const readCount = (vcpus: Cursor): CpuRequest => {
  const count = numberAt(vcpus)
  if (count === undefined) return {}
  if (!Number.isFinite(count) || count < 0 || count > mostCpus) {
    vcpus.error('CPU_COUNT', `vcpus is ${describe(vcpus.value)}; a count of CPUs such as 2 is right`)
    return {}
  }
  if (count === 0) {
    vcpus.notice('DEFAULT_USED', 'vcpus is 0; the default of 1 is used')
    return {}
  }
  if (!Number.isInteger(count)) {
    vcpus.notice(
      'CPU_COUNT',
      `vcpus is ${count}; it is rounded up to ${Math.ceil(count)}. A fraction of a CPU is cpu_bw`,
    )
  }
  return { vcpus: Math.ceil(count) }
}

const readBandwidth = (bandwidth: Cursor): number => {
  const fraction = numberAt(bandwidth)
  if (fraction === undefined) return defaultBandwidth
  if (!Number.isFinite(fraction) || fraction > mostCpus) {
    bandwidth.error('CPU_BANDWIDTH', `cpu_bw is ${describe(bandwidth.value)}; a fraction of a CPU such as 0.5 is right`)
    return defaultBandwidth
  }
  if (fraction !== 0) return fraction
  bandwidth.notice('DEFAULT_USED', 'cpu_bw is 0; one whole CPU is given')
  return defaultBandwidth
}

const readMemory = (memory: Cursor): number | undefined => {
  if (!isMapOrAbsent(memory, 'memory', 'size and size_unit')) return undefined
  const size = memory.at('size')
  const amount = numberAt(size)
  if (amount === undefined) {
    if (size.value === null) size.notice('DEFAULT_USED', 'the memory size is empty; the default of 2 GB is used')
    return undefined
  }
  if (!Number.isFinite(amount) || amount < 0) {
    size.error('MEMORY_SIZE', `the memory size is ${describe(size.value)}; a number such as 512 is right`)
    return undefined
  }
  const unit = memory.at('size_unit')
  const factor = unit.isAbsent || unit.value === '' ? bytesPerUnit('GB') : bytesPerUnit(unit.text() ?? '?')
  if (factor === undefined) {
    unit.error('MEMORY_UNIT', `the memory unit is ${describe(unit.value)}; KB, MB, GB or TB is right`)
    return undefined
  }
  const bytes = Math.round(amount * factor)
  if (bytes > mostMemory) {
    size.error('MEMORY_SIZE', `the memory size comes to ${amount * factor} bytes; no host has as much`)
    return undefined
  }
  if (bytes === 0) {
    size.notice('DEFAULT_USED', 'the memory size is 0; the default of 2 GB is used')
    return undefined
  }
  if (bytes < leastMemory) {
    size.notice('MEMORY_SIZE', `the memory size comes to ${bytes} bytes; Docker needs 6 MB at least, which is given`)
    return leastMemory
  }
  return bytes
}
