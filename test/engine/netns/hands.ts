import { execFile, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readlink } from 'node:fs/promises'
import { promisify } from 'node:util'
import { until } from '../../support/until.ts'

const execute = promisify(execFile)

/** Processes in network namespaces of their own, as started containers are, and what others do to their devices. */
export const createHands = (netns: string) => {
  const containers = new Map<string, ChildProcess>()
  const run = async (program: string, ...args: readonly string[]): Promise<string> =>
    (await execute(program, args, { env: { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' } })).stdout
  const ip = (...args: readonly string[]) => run('nsenter', `--net=${netns}`, 'ip', ...args)
  const pid = (name: string): number => containers.get(name)?.pid ?? 0
  const inside = (name: string, ...args: readonly string[]) => run('nsenter', '-t', String(pid(name)), '-n', ...args)

  const addContainer = async (name: string): Promise<number> => {
    const child = spawn('unshare', ['-n', 'sleep', '1000'], { stdio: 'ignore' })
    containers.set(name, child)
    const own = await readlink('/proc/self/ns/net')
    const id = child.pid ?? 0
    await until('a namespace of its own', async () => (await readlink(`/proc/${id}/ns/net`)) !== own)
    return id
  }
  const killContainer = async (name: string): Promise<void> => {
    const child = containers.get(name)
    containers.delete(name)
    if (child?.exitCode !== null || child.signalCode !== null) return
    const end = once(child, 'exit')
    child.kill('SIGKILL')
    await end
  }

  return {
    run,
    ip,
    inside,
    addContainer,
    killContainer,
    killAll: async () => {
      for (const name of [...containers.keys()]) await killContainer(name)
    },
    addManagement: async (name: string) => {
      await inside(name, 'ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'far')
      await inside(name, 'ip', 'link', 'set', 'eth0', 'up')
    },
    innerDevices: async (name: string): Promise<readonly string[]> => {
      const text = await inside(name, 'ip', '-o', 'link', 'show')
      return text.split('\n').flatMap((line) => /^\d+: ([^@:]+)/.exec(line)?.[1] ?? [])
    },
    deleteInner: (name: string, device: string) => inside(name, 'ip', 'link', 'del', device),
    changeInner: async (
      name: string,
      device: string,
      change: {
        readonly up?: boolean
        readonly mac?: string
        readonly addAddress?: string
        readonly deleteAddress?: string
        readonly txOffload?: boolean
        readonly rename?: string
      },
    ) => {
      const { up, mac, addAddress, deleteAddress, txOffload, rename } = change
      if (up !== undefined) await inside(name, 'ip', 'link', 'set', device, up ? 'up' : 'down')
      if (mac !== undefined) await inside(name, 'ip', 'link', 'set', device, 'address', mac)
      if (addAddress !== undefined) await inside(name, 'ip', 'addr', 'add', addAddress, 'dev', device)
      if (deleteAddress !== undefined) await inside(name, 'ip', 'addr', 'del', deleteAddress, 'dev', device)
      if (txOffload !== undefined) await inside(name, 'ethtool', '-K', device, 'tx', txOffload ? 'on' : 'off')
      if (rename !== undefined) await inside(name, 'ip', 'link', 'set', device, 'name', rename)
    },
    deleteDevice: (device: string) => ip('link', 'del', device),
    setDevice: (device: string, up: boolean) => ip('link', 'set', device, up ? 'up' : 'down'),
    addDevice: (device: string) => ip('link', 'add', device, 'type', 'veth', 'peer', 'name', `${device}-p`),
    hasDevice: async (device: string): Promise<boolean> =>
      ip('link', 'show', 'dev', device).then(
        () => true,
        () => false,
      ),
  }
}
