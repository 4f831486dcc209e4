import { EngineError } from '../../model/errors.ts'
import type { ObservedFlow } from '../../model/actual.ts'
import type { BridgeName } from '../../model/names.ts'
import { createLauncher } from '../launcher.ts'
import { followProgram, type FollowedProgram } from '../process.ts'
import { cookieFilter, parseFlows } from './flows.ts'

/** Flows through `ovs-ofctl`, which speaks OpenFlow to a bridge's management socket. */
export interface FlowTool {
  dump(bridge: BridgeName, instance: number | undefined): Promise<readonly ObservedFlow[]>
  /** All lines or none. */
  bundle(bridge: BridgeName, lines: readonly string[]): Promise<void>
  /** Lines that tell of changed flows; not of those that are there when it begins. */
  monitor(bridge: BridgeName, listener: { onLine(line: string): void; onEnd(): void }): FollowedProgram
  close(): void
}

const protocol = ['-O', 'OpenFlow14', '--names'] // 1.4 is the first that has bundles and flow monitors

/** `runDirectory`: where the switch daemon keeps its sockets. */
export const createFlowTool = (runDirectory: string, timeoutMs: number): FlowTool => {
  const launcher = createLauncher([])
  const socket = (bridge: BridgeName): string => `unix:${runDirectory}/${bridge}.mgmt`

  const run = async (bridge: BridgeName, args: readonly string[], input?: string): Promise<string> => {
    const seconds = Math.max(1, Math.ceil(timeoutMs / 1000))
    const all = [...protocol, `--timeout=${seconds}`, ...args]
    const { code, stdout, stderr } = await launcher.run('ovs-ofctl', all, {
      timeoutMs: timeoutMs + 500, // its own time-out tells more
      ...(input !== undefined && { input }),
    })
    if (code === 0) return stdout
    const error = stderr.trim().slice(0, 2000)
    const gone =
      /failed to (?:open socket|connect)|connecting to \S+ \(No such file|is not a bridge or a socket|Connection (?:refused|reset)/.test(
        error,
      )
    // Its own time-out ends it by SIGALRM, as a shell tells it.
    if (code === 128 + 14 || /signal 14|Alarm clock/.test(error))
      throw new EngineError('TIMEOUT', { switch: 'ovs-vswitchd', bridge, after: `${seconds} s` })
    throw new EngineError(gone ? 'UNAVAILABLE' : 'REFUSED', { bridge, error })
  }

  return {
    dump: async (bridge, instance) =>
      parseFlows(bridge, await run(bridge, ['--no-stats', 'dump-flows', socket(bridge), cookieFilter(instance)])),
    async bundle(bridge, lines) {
      await run(bridge, ['--bundle', 'add-flows', socket(bridge), '-'], `${lines.join('\n')}\n`)
    },
    monitor: (bridge, listener) =>
      // A control socket of its own would stay behind in the switch's directory when it is killed.
      followProgram(
        'ovs-ofctl',
        [...protocol, '--unixctl=none', 'monitor', socket(bridge), 'watch:!initial,!actions'],
        {
          ...listener,
          // The first answer comes on standard output, the reports of changes after it on standard error (tried with 3.1).
          onError: (line) => listener.onLine(line),
        },
      ),
    close: () => {
      launcher.close()
    },
  }
}
