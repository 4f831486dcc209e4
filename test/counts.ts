// What a run really did, read from its TAP text: leaf assertions only, so that a subtest is not counted on top of what is in it.
import { Parser } from 'tap-parser'
import { z } from 'zod'

const directive = z.union([z.boolean(), z.string()])
// tap-parser types its events as any; these are the two that count.
const assertEvent = z.tuple(
  [z.literal('assert'), z.object({ ok: z.boolean(), skip: directive, todo: directive, fullname: z.string() })],
  z.unknown(),
)
const bailoutEvent = z.tuple([z.literal('bailout'), z.string()], z.unknown())

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
  for (const event of Parser.parse(tap, { flat: true })) {
    const bailout = bailoutEvent.safeParse(event)
    if (bailout.success) failures.push(`bail out: ${bailout.data[1]}`)
    const assertion = assertEvent.safeParse(event)
    if (!assertion.success) continue
    const { ok, skip, todo: later, fullname } = assertion.data[1]
    if (skip !== false) skipped.push({ name: fullname, reason: reasonOf(skip) })
    else if (later !== false) todo.push({ name: fullname, reason: reasonOf(later) })
    else if (ok) passed += 1
    else failures.push(fullname)
  }
  return { passed, failed: failures.length, skipped, todo, failures }
}

function reasonOf(text: string | boolean): string {
  return typeof text === 'string' && text !== '' ? text : 'no reason given'
}
