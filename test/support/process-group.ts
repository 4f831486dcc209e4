import { access, mkdir, readFile, rmdir, writeFile } from 'node:fs/promises'
import type { Test } from 'tap'
import { until } from './until.ts'

export interface ProcessGroup {
  readonly path: string
  take(pid: number): Promise<void>
  /** For so many processes and threads more than there are now. */
  leaveRoom(room: number): Promise<void>
  open(): Promise<void>
}

/** A control group that counts processes. */
export const makeProcessGroup = async (t: Test): Promise<ProcessGroup> => {
  const separate = '/sys/fs/cgroup/pids'
  const root = await access(separate).then(
    () => separate,
    async () => {
      await writeFile('/sys/fs/cgroup/cgroup.subtree_control', '+pids')
      return '/sys/fs/cgroup'
    },
  )
  const path = `${root}/sond-crowd-${process.pid}`
  await mkdir(path)
  const set = (file: string, value: string): Promise<void> => writeFile(`${path}/${file}`, value)
  t.teardown(async () => {
    // Its processes end with the engines, after this.
    const pids = (await readFile(`${path}/cgroup.procs`, 'utf8')).split('\n').filter(Boolean)
    for (const pid of pids) await writeFile(`${root}/cgroup.procs`, pid).catch(() => undefined)
    await until('its processes to leave', () =>
      rmdir(path).then(
        () => true,
        () => false,
      ),
    )
  })
  return {
    path,
    take: (pid: number) => set('cgroup.procs', String(pid)),
    leaveRoom: async (room: number) =>
      set('pids.max', String(Number(await readFile(`${path}/pids.current`, 'utf8')) + room)),
    open: () => set('pids.max', 'max'),
  }
}
