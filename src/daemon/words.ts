import type { DataCenterSpec, LinkSpec } from '../api/backend.ts'
import type { DataCenter, FunctionOverride, Link } from '../model/documents.ts'

/** Specs in the words of the manifest: what is shown can be written into a file as it is. */

const inUnits = (value: number, step: number, units: readonly string[]): { size: number; unit: string } => {
  let [size, index] = [value, 0]
  while (size !== 0 && size % step === 0 && index < units.length - 1) [size, index] = [size / step, index + 1]
  return { size, unit: units[index] ?? '' }
}

const memory = (bytes: number | undefined): { readonly memory?: { size: number; unit: string } } =>
  bytes === undefined ? {} : { memory: inUnits(bytes, 1024, ['B', 'KB', 'MB', 'GB', 'TB']) }

const rate = (bitsPerSecond: number): string => {
  const { size, unit } = inUnits(bitsPerSecond, 1000, ['bps', 'kbps', 'Mbps', 'Gbps'])
  return `${size}${unit}`
}

const decimals = (value: number, most: number): string => value.toFixed(most).replace(/\.?0+$/, '')

/** In milliseconds as far as these are written with nine digits. */
export const duration = (ms: number): string => {
  if (ms < 1e9) return `${decimals(ms, 6)}ms`
  const hours = Math.floor(ms / 3_600_000)
  const rest = ms - hours * 3_600_000
  return `${hours}h${rest === 0 ? '' : `${decimals(rest, 6)}ms`}`
}

/** A number where text has not enough digits for it. */
const percent = (share: number): string | number => {
  const text = decimals(share, 9)
  return Number(text) === share ? `${text}%` : share
}

export const functionWords = ({ resources, ...rest }: FunctionOverride): Readonly<Record<string, unknown>> =>
  resources === undefined ? rest : { ...rest, resources: { cpu: resources.cpu, ...memory(resources.memoryBytes) } }

export const dataCenterWords = ({ capacity }: DataCenter['spec']): DataCenterSpec => ({
  capacity: { ...(capacity.cpu === undefined ? {} : { cpu: capacity.cpu }), ...memory(capacity.memoryBytes) },
})

export const linkWords = ({
  endpoints,
  bandwidthBitsPerSecond,
  delayMs,
  jitterMs,
  lossPercent,
}: Link['spec']): LinkSpec => ({
  endpoints,
  ...(bandwidthBitsPerSecond === undefined ? {} : { bandwidth: rate(bandwidthBitsPerSecond) }),
  ...(delayMs === undefined ? {} : { delay: duration(delayMs) }),
  ...(jitterMs === undefined ? {} : { jitter: duration(jitterMs) }),
  ...(lossPercent === undefined ? {} : { loss: percent(lossPercent) }),
})
