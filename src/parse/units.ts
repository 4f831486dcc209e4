/** Quantities as users write them; each function gives undefined for what is none. */

const milliseconds = (unit: string): number => {
  if (unit === 'ms') return 1
  if (unit === 's') return 1_000
  return unit === 'm' ? 60_000 : 3_600_000
}

/** The longest that a timer takes (setTimeout): some 24 days. */
const mostMilliseconds = 2 ** 31 - 1

/** `200ms`, `5s`, `1m30s`, `1h` -> milliseconds; up to 24 days. */
export const parseDuration = (text: string): number | undefined => {
  if (!/^(?:\d{1,9}(?:\.\d{1,6})?(?:ms|s|m|h))+$/.test(text)) return text === '0' ? 0 : undefined
  let total = 0
  for (const [, amount = '', unit = ''] of text.matchAll(/([\d.]+)(ms|s|m|h)/g)) {
    total += Number(amount) * milliseconds(unit)
  }
  // To the nanosecond: 1.001 times 1000 is a little less than 1001.
  return total > mostMilliseconds ? undefined : Math.round(total * 1e6) / 1e6
}

const powers: Readonly<Record<string, number>> = { K: 1, M: 2, G: 3, T: 4 }

/** GB, GiB, Gi, G and the like, in either case -> bytes of one unit; always powers of 1024, as the gatekeeper counted. */
export const bytesPerUnit = (unit: string): number | undefined => {
  const match = /^(?:B|([KMGT])(?:i?B|i)?)$/i.exec(unit)
  return match === null ? undefined : 1024 ** (powers[(match[1] ?? '').toUpperCase()] ?? 0)
}

/** More than any host has; larger numbers are slips, and beyond 2^53 not exact. */
export const mostMemory = 1024 ** 5

/** `512MB`, `1.5 GiB` -> bytes; up to a pebibyte. */
export const parseSize = (text: string): number | undefined => {
  const [, amount, unit] = /^(\d{1,15}(?:\.\d{1,9})?) ?([A-Za-z]+)$/.exec(text) ?? []
  if (amount === undefined || unit === undefined) return undefined
  const factor = bytesPerUnit(unit)
  const bytes = factor === undefined ? Infinity : Math.round(Number(amount) * factor)
  return bytes > mostMemory ? undefined : bytes
}

/** A thousand terabits: more than any line has, and still exact. */
const mostRate = 1e15

const decimal: Readonly<Record<string, number>> = { k: 1e3, K: 1e3, M: 1e6, G: 1e9 }

/** `100Mbps`, `64kbit`, `1.5Gbit/s` -> bits per second; up to 10^15. */
export const parseRate = (text: string): number | undefined => {
  const [, amount, prefix = ''] = /^(\d{1,15}(?:\.\d{1,9})?) ?([kKMG]?)(?:bps|bit(?:\/s)?)$/.exec(text) ?? []
  const rate = Math.round(Number(amount ?? Infinity) * (decimal[prefix] ?? 1))
  return rate > mostRate ? undefined : rate
}

/** `0.1%` -> 0.1 */
export const parsePercent = (text: string): number | undefined => {
  const [, amount] = /^(\d{1,3}(?:\.\d{1,9})?) ?%$/.exec(text) ?? []
  const percent = Number(amount)
  return amount === undefined || percent > 100 ? undefined : percent
}

/** A list of CPU numbers and ranges, as the kernel writes it: `0,2-3`. */
export const parseCpuSet = (text: string): string | undefined => {
  const set = text.replaceAll(' ', '')
  if (!/^\d{1,4}(?:-\d{1,4})?(?:,\d{1,4}(?:-\d{1,4})?)*$/.test(set) || set.length > 200) return undefined
  const rising = set.split(',').every((range) => {
    const [first = '', last = first] = range.split('-')
    return Number(first) <= Number(last)
  })
  return rising ? set : undefined
}
