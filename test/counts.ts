// What a run really did, read from its TAP text: leaf assertions only, so that a subtest is not counted on top of what is in it.
import { Parser, type Result } from 'tap-parser'

/** A leaf assertion that did not plainly pass; `reason` is what its directive says. */
export interface Remark {
  readonly name: string
  readonly reason: string
}

export interface Counts {
  readonly passed: number
  readonly failed: number
  readonly skipped: readonly Remark[]
  readonly todo: readonly Remark[]
  readonly failures: readonly string[]
}

/**
 * Counts the leaf assertions of a TAP stream. A test file that dies or runs out of time is one failure even when every assertion
 * before that passed; a `todo` counts as skipped work.
 */
export function countAssertions(tap: string): Counts {
  const skipped: Remark[] = []
  const todo: Remark[] = []
  const failures: string[] = []
  let passed = 0
  const parser = new Parser({ flat: true })
  parser.on('bailout', (reason: string) => failures.push(`bail out: ${reason}`))
  parser.on('assert', ({ ok, skip, todo: later, fullname }: Result) => {
    if (skip !== false) skipped.push({ name: fullname, reason: reasonOf(skip) })
    else if (later !== false) todo.push({ name: fullname, reason: reasonOf(later) })
    else if (ok) passed += 1
    else failures.push(fullname)
  })
  parser.end(tap)
  return { passed, failed: failures.length, skipped, todo, failures }
}

function reasonOf(directive: string | boolean): string {
  return typeof directive === 'string' && directive !== '' ? directive : 'no reason given'
}
