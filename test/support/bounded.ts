import type { Test } from 'tap'
import { EngineError, type EngineErrorCode } from '../../src/model/errors.ts'

/** The call fails with one of these codes, within so many milliseconds. */
export const failsWithin = async (
  t: Test,
  what: string,
  ms: number,
  call: () => Promise<unknown>,
  codes: readonly EngineErrorCode[] = ['TIMEOUT', 'UNAVAILABLE'],
): Promise<void> => {
  const began = performance.now()
  const error: unknown = await call().then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  const took = performance.now() - began
  if (!(error instanceof EngineError)) t.fail(`${what}: ended with ${String(error)}`)
  else t.ok(codes.includes(error.code), `${what}: ${error.message}`)
  t.ok(took < ms, `${what}: took ${Math.round(took)} ms`)
}
