import { execFile } from 'node:child_process'

/** Tells systemd (sd_notify(3)) when it started us; a datagram socket is beyond Node, so its own program does it. */
export const notifySystemd = (state: string, env: NodeJS.ProcessEnv): Promise<void> =>
  new Promise((resolve) => {
    if (env['NOTIFY_SOCKET'] === undefined) {
      resolve()
      return
    }
    execFile('systemd-notify', [`--pid=${String(process.pid)}`, state], () => {
      resolve()
    })
  })
