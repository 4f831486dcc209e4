import { followProgram, type FollowedProgram } from '../process.ts'
import type { IpTool } from './ip.ts'

/** A program that tells of changes of some kind, run from when there is something of ours of that kind; started again when it ends. */
export interface SideMonitor {
  /** There is something of that kind. */
  want(): void
  stop(): Promise<void>
}

export const createSideMonitor = (
  ip: IpTool,
  [program, ...args]: readonly [string, ...string[]],
  options: {
    /** Before it is started again. */
    readonly retryMs: number
    onLine(line: string): void
    /** Changes may have gone untold. */
    onGap(cause: string): void
  },
): SideMonitor => {
  let running: FollowedProgram | undefined
  let timer: NodeJS.Timeout | undefined

  const launch = (): void => {
    clearTimeout(timer)
    const [file, words] = ip.command(program, args)
    running = followProgram(file, words, {
      onLine: (line) => options.onLine(line),
      onError: () => undefined, // how it ends is what counts
      onEnd() {
        running = undefined
        timer = setTimeout(() => {
          launch()
          options.onGap(`${program} monitor was started again`)
        }, options.retryMs)
        timer.unref()
      },
    })
  }

  return {
    want() {
      if (running === undefined && timer === undefined) launch()
    },
    async stop() {
      clearTimeout(timer)
      timer = undefined
      const ending = running
      running = undefined
      await ending?.stop()
    },
  }
}

/** Something that is part of a way to the outside was taken away; what is added harms none. */
export const isRuleGone = (table: string, line: string): boolean =>
  /^(?:delete|flush|destroy) /.test(line) && (line.includes(` ${table}`) || line.includes(' FORWARD'))

/** The device that a line of `tc monitor` is about. */
export const queueDevice = (line: string): string | undefined => /^(?:\S+ )?qdisc \S+ \S+ dev (\S+)/.exec(line)?.[1]
