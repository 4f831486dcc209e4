/** How a link between data centers shall behave, and what of that the kernel can do. */
export interface Shaping {
  readonly bandwidthBitsPerSecond?: number
  readonly delayMs?: number
  readonly jitterMs?: number
  /** 0-100. */
  readonly lossPercent?: number
}

/** Queueing disciplines that shape: `netem` does all of it (tc-netem(8)), `tbf` bandwidth alone (tc-tbf(8)). */
export type Shaper = 'netem' | 'tbf'

const parts = [
  ['bandwidthBitsPerSecond', 'bandwidth'],
  ['delayMs', 'delay'],
  ['jitterMs', 'jitter'],
  ['lossPercent', 'loss'],
] as const

/** What is asked for, in the words of the manifest; a part of 0 asks for nothing. */
export const askedOf = (shaping: Shaping): readonly string[] =>
  parts.flatMap(([key, word]) => ((shaping[key] ?? 0) > 0 ? [word] : []))

/** What shapes a trunk on a kernel that has these; undefined where nothing is asked for or nothing can be done. */
export const shaperFor = (shaping: Shaping, shapers: ReadonlySet<Shaper>): Shaper | undefined => {
  if (askedOf(shaping).length === 0) return undefined
  if (shapers.has('netem')) return 'netem'
  return (shaping.bandwidthBitsPerSecond ?? 0) > 0 && shapers.has('tbf') ? 'tbf' : undefined
}

/** What is asked for and cannot be had. */
export const lackingOf = (shaping: Shaping, shapers: ReadonlySet<Shaper>): readonly string[] => {
  const shaper = shaperFor(shaping, shapers)
  if (shaper === 'netem') return []
  return askedOf(shaping).filter((word) => shaper !== 'tbf' || word !== 'bandwidth')
}
