import type { ContainerEngine, ScriptOutput } from '../engine/ports.ts'
import type { ObservedContainer } from '../model/actual.ts'
import type { InstanceName } from '../model/names.ts'
import type { Store } from '../store/store.ts'
import type { Clock } from './clock.ts'

/** Characters of a script's output that an event shows. */
const shown = 300

const variables = { start: 'SON_EMU_CMD', stop: 'SON_EMU_CMD_STOP' } as const

/** What became of start and stop scripts: told once as an event, and kept after their containers have gone. */
export interface ScriptJournal {
  /** Notes the start scripts that have ended since the last look. */
  look(containers: readonly ObservedContainer[]): Promise<void>
  /** Notes a stop script that was waited for. `output` undefined: it did not end in that time. */
  stopped(container: ObservedContainer, output: ScriptOutput | undefined, waitMs: number): void
  /** Nothing is left of this instance. */
  forget(instance: InstanceName): void
}

const lastLine = (output: string): string => output.trimEnd().split('\n').at(-1)?.slice(0, shown) ?? ''

export const createScriptJournal = (options: {
  readonly containers: Pick<ContainerEngine, 'scriptOutput'>
  readonly store: Pick<Store, 'get' | 'list' | 'set' | 'delete'>
  /** Where events go. */
  readonly board: {
    event(object: string, type: 'Normal' | 'Warning', reason: string, message: string): void
  }
  readonly clock: Clock
}): ScriptJournal => {
  const { containers, store, board, clock } = options

  const note = (container: ObservedContainer, script: 'start' | 'stop', { exitCode, output }: ScriptOutput): void => {
    const { name, instance, vnf, vdu, copy, replica, startedAt } = container
    const endedAt = new Date(clock.now()).toISOString()
    const before = store.get('scriptEnds', name)
    store.set('scriptEnds', name, {
      ...(before?.startedAt === startedAt ? before : {}),
      ...{ container: name, instance, vnf, vdu, copy, replica, startedAt },
      [script]: { exitCode, output, endedAt },
    })
    const said = lastLine(output)
    board.event(
      `instance/${instance}`,
      exitCode === 0 ? 'Normal' : 'Warning',
      `${script === 'start' ? 'Start' : 'Stop'}Script${exitCode === 0 ? 'Done' : 'Failed'}`,
      `${name}: ${variables[script]} ended with code ${exitCode}${said === '' ? '' : `: ${said}`}`,
    )
  }

  return {
    look: async (seen) => {
      for (const container of seen) {
        if (container.scripts.start?.run !== 'done') continue
        const known = store.get('scriptEnds', container.name)
        const { exitCode } = container.scripts.start
        if (known?.startedAt === container.startedAt && known.start?.exitCode === exitCode) continue
        const output = await containers.scriptOutput(container.name, 'start')
        if (output !== undefined) note(container, 'start', output)
      }
    },
    stopped: (container, output, waitMs) => {
      if (output !== undefined) {
        note(container, 'stop', output)
        return
      }
      board.event(
        `instance/${container.instance}`,
        'Warning',
        'StopScriptCutOff',
        `${container.name}: ${variables.stop} did not end within ${waitMs} ms; its container goes all the same`,
      )
    },
    forget: (instance) => {
      for (const [name, record] of store.list('scriptEnds'))
        if (record.instance === instance) store.delete('scriptEnds', name)
    },
  }
}
