import type { LoopContext } from './context.ts'

/** Waits for the work, and no longer than so many milliseconds; then the complaint is logged. */
export const within = async (
  { clock, log }: Pick<LoopContext, 'clock' | 'log'>,
  ms: number,
  work: Promise<unknown>,
  complaint: string,
): Promise<void> => {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const cancel = clock.after(ms, () => {
    log.warn(complaint)
    resolve(undefined)
  })
  await Promise.race([work, late])
  cancel()
}
