import type { Outcome } from './rounds.ts'
import { describe } from './wanted.ts'

const seconds = (ms: number): string => (ms / 1000).toFixed(2)

/** A round in a line. */
export const roundLine = ({ round, hit, ms, complaints }: Outcome): string => {
  const { number, change, fault, moment } = round
  const end = complaints.length === 0 ? `whole after ${seconds(ms)} s` : `FAILED: ${complaints.join('\n      ')}`
  const asked = `${change.name} -> ${describe(change.to)}`
  return `${String(number).padStart(4)}  ${asked.padEnd(48)} ${fault.name} at ${moment} ms (${hit}): ${end}`
}

/** How long each fault took to be made good: times, median, most. */
export const summary = (outcomes: readonly Outcome[]): string => {
  const times = new Map<string, number[]>()
  for (const { round, ms } of outcomes) times.set(round.fault.name, [...(times.get(round.fault.name) ?? []), ms])
  const row = (cells: readonly string[]): string =>
    cells.map((cell, index) => (index === 0 ? cell.padEnd(34) : cell.padStart(12))).join('')
  const rows = [...times].map(([name, each]) => {
    const sorted = [...each].sort((one, other) => one - other)
    const middle = sorted[Math.floor(sorted.length / 2)] ?? 0
    return row([name, String(each.length), seconds(middle), seconds(sorted.at(-1) ?? 0)])
  })
  return ['', row(['fault', 'times', 'median (s)', 'most (s)']), ...rows, ''].join('\n')
}
