import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'
import type { TestEngines } from './engines.ts'
import { until } from './until.ts'

const execute = promisify(execFile)

/** What a user does by hand to see whether a service works. */

/** Runs a command in the namespace of the switches; gives its standard output. */
export const inNamespace = async (engines: TestEngines, ...command: readonly string[]): Promise<string> => {
  const { stdout } = await execute('nsenter', [`--net=${engines.netns.path}`, ...command], {
    env: { ...process.env, OVS_RUNDIR: engines.ovsRunDir },
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

export const vsctl = (engines: TestEngines, ...args: readonly string[]): Promise<string> =>
  inNamespace(engines, 'ovs-vsctl', `--db=${engines.ovsdbUrl}`, ...args)

export const ofctl = (engines: TestEngines, ...args: readonly string[]): Promise<string> =>
  inNamespace(engines, 'ovs-ofctl', '-O', 'OpenFlow14', '--names', ...args)

/** Address of a bridge's management socket. */
export const management = (engines: TestEngines, bridge: string): string => `unix:${engines.ovsRunDir}/${bridge}.mgmt`

const pidOf = async (engines: TestEngines, container: string): Promise<number> =>
  (await engines.docker.getContainer(container).inspect()).State.Pid

/** Runs a host's program in a container's network namespace. */
export const inContainerNetwork = async (
  engines: TestEngines,
  container: string,
  ...command: readonly string[]
): Promise<string> => {
  const pid = await pidOf(engines, container)
  const { stdout } = await execute('nsenter', ['-t', String(pid), '-n', ...command])
  return stdout
}

export const pings = (engines: TestEngines, container: string, address: string): Promise<boolean> =>
  inContainerNetwork(engines, container, 'busybox', 'ping', '-c', '1', '-W', '1', address.split('/')[0] ?? '').then(
    () => true,
    () => false,
  )

/** Command that runs another one in a network namespace. */
export type Place = readonly [string, ...string[]]

export const switches = (engines: TestEngines): Place => ['nsenter', `--net=${engines.netns.path}`]

export const inside = async (engines: TestEngines, container: string): Promise<Place> => [
  'nsenter',
  '-t',
  String(await pidOf(engines, container)),
  '-n',
]

/** Opens a TCP connection from one place to an address of another and carries a megabyte over it. */
export const carriesTcp = async (client: Place, server: Place, address: string): Promise<boolean> => {
  const port = '7777'
  const [serverProgram, ...serverArgs] = server
  const listening = execute(serverProgram, [...serverArgs, 'busybox', 'nc', '-l', '-p', port, '-w', '6'], {
    timeout: 8_000,
    maxBuffer: 8 * 1024 * 1024,
  }).then(
    ({ stdout }) => stdout.length,
    () => 0,
  )
  const host = address.split('/')[0] ?? ''
  const script = `head -c 1000000 /dev/zero | busybox nc -w 3 ${host} ${port}`
  const [program, ...args] = client
  const sent = await until(
    'a TCP connection',
    () =>
      execute(program, [...args, 'sh', '-c', script], { timeout: 6_000 }).then(
        () => true,
        () => false,
      ),
    { timeout: 6_000, every: 50 },
  ).catch(() => false)
  return sent && (await listening) === 1_000_000
}

/** The same between two containers. */
export const talksTcp = async (
  engines: TestEngines,
  client: string,
  server: string,
  address: string,
): Promise<boolean> => carriesTcp(await inside(engines, client), await inside(engines, server), address)

/**
 * Has something listen on a free port of loopback in the namespace of the engines that takes connections and never says a word.
 * Gives the port and what ends it.
 */
export const startSilentServer = async (
  engines: TestEngines,
): Promise<{ readonly port: number; readonly stop: () => void }> => {
  const port = 5999
  const program = `require('node:net').createServer().listen(${port}, '127.0.0.1', () => console.log('up'))`
  const child = spawn('nsenter', [`--net=${engines.netns.path}`, process.execPath, '-e', program], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  await once(child.stdout, 'data')
  return { port, stop: () => void child.kill('SIGKILL') }
}
