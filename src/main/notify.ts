import { execFile } from 'node:child_process'
import type { Clock } from '../reconcile/clock.ts'

/**
 * Tells systemd (sd_notify(3)) when it started us; a datagram socket is beyond Node, so its own program does it.
 *
 * @param state - as an assignment, `READY=1`: the program knows options for some states only since systemd 253.
 */
export const notifySystemd = (state: string, env: NodeJS.ProcessEnv): Promise<void> =>
  new Promise((resolve) => {
    if (env['NOTIFY_SOCKET'] === undefined) {
      resolve()
      return
    }
    execFile('systemd-notify', [`--pid=${String(process.pid)}`, state], { timeout: 5_000 }, () => {
      resolve()
    })
  })

/**
 * Tells systemd's watchdog, where it wants that (sd_watchdog_enabled(3)), that the event loop turns. The function given back
 * ends it.
 */
export const keepWatchdog = (clock: Pick<Clock, 'after'>, env: NodeJS.ProcessEnv): (() => void) => {
  const everyMs = Number(env['WATCHDOG_USEC']) / 2_000
  const isMine = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(process.pid)
  if (!(everyMs > 0) || !isMine) return () => undefined
  let cancel: () => void = () => undefined
  const tell = (): void => {
    void notifySystemd('WATCHDOG=1', env)
    cancel = clock.after(everyMs, tell)
  }
  tell()
  return () => {
    cancel()
  }
}
