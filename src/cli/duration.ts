import { usageError } from './errors.ts'

const unit: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** Milliseconds of `60s`, `1m30s`, `500ms`; a bare number is seconds. */
export const parseTimeout = (text: string): number => {
  if (/^\d+(?:\.\d+)?$/.test(text)) return Number(text) * 1000
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) {
    throw usageError(`${JSON.stringify(text)} is no duration`, 'Write 60s, 2m, 1m30s or 500ms.')
  }
  return parts.reduce((sum, [, count = '0', name = 's']) => sum + Number(count) * (unit[name] ?? 0), 0)
}

/** Time that has passed, as kubectl writes ages: `5s`, `3m20s`, `4h5m`, `12d`. */
export const formatAge = (milliseconds: number): string => {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  const minutes = Math.floor(seconds / 60)
  const hours = Math.floor(minutes / 60)
  const days = Math.floor(hours / 24)
  if (seconds < 120) return `${seconds}s`
  if (minutes < 10) return minutes * 60 === seconds ? `${minutes}m` : `${minutes}m${seconds % 60}s`
  if (hours < 3) return `${minutes}m`
  if (hours < 8) return hours * 60 === minutes ? `${hours}h` : `${hours}h${minutes % 60}m`
  return hours < 48 ? `${hours}h` : `${days}d`
}
