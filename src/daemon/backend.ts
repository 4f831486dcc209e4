import type { Backend, Diff } from '../api/backend.ts'
import { ApiError } from '../api/errors.ts'
import { kindNames } from '../api/kinds.ts'
import type { LoopContext } from '../reconcile/context.ts'
import type { Controller } from '../reconcile/controller.ts'
import { buriedInstances } from '../reconcile/tombstones.ts'
import type { CatalogInstance, Parsers, Watcher } from '../watch/types.ts'
import type { Board } from './board.ts'
import { createChanges } from './changes.ts'
import { createConsole } from './console.ts'
import { createEdits } from './edits.ts'
import { createView } from './view.ts'

export interface BackendOptions {
  readonly context: LoopContext
  readonly watcher: Watcher
  readonly controller: Controller
  readonly board: Board
  readonly parsers: Parsers
  /** The watched directory. */
  readonly directory: string
  readonly preview: (entry: CatalogInstance) => Promise<Diff>
  /** Ends the daemon and all services. */
  readonly exit: () => Promise<void>
}

export const createBackend = (options: BackendOptions): Backend & { close(): void } => {
  const { context, watcher, board, controller } = options
  const nowText = (): string => new Date(context.clock.now()).toISOString()
  const view = createView(watcher, board)
  const changes = createChanges(watcher, board, view, buriedInstances(context.store), nowText)

  /** Before everything was read, what is taken is not known: a plan would give it away again. */
  const preview: BackendOptions['preview'] = async (entry) => {
    const { ready, message } = controller.ready()
    if (ready) return options.preview(entry)
    throw new ApiError('UNAVAILABLE', `what would be done is not known: ${message}`, {
      next: "'sonctl status' tells what is waited for",
    })
  }

  const ready: Backend['ready'] = () => {
    const loop = controller.ready()
    const { complete, gaps } = watcher.catalog()
    const disk = context.store.problem()
    const deaf = watcher.problem()
    const checks = [
      { name: 'files', ok: complete, message: complete ? '' : gaps.join('; ') },
      { name: 'engines', ok: loop.ready, message: loop.message },
    ]
    return Promise.resolve({
      ready: checks.every(({ ok }) => ok),
      checks: [
        ...checks,
        // Services are kept all the same.
        { name: 'state directory', ok: disk === undefined, message: disk ?? '' },
        { name: 'file changes', ok: deaf === undefined, message: deaf ?? '' },
      ],
    })
  }

  return {
    list: (kind) => Promise.resolve(view.list(kind)),
    get: (kind, name) => Promise.resolve(view.get(kind, name)),
    events: ({ kind, name }) =>
      Promise.resolve(
        board.events().filter(({ object }) => {
          if (kind === undefined) return true
          const prefix = `${kindNames[kind].singular}/`
          return name === undefined ? object.startsWith(prefix) : object === `${prefix}${name}`
        }),
      ),
    subscribe: (listener) => changes.subscribe(listener),
    diff: async (name) => preview(view.instance(name)),
    ...createEdits({ ...options, preview, view, nowText }),
    ...createConsole(context.engines.containers, context.store, view),
    pendingPrune: () => Promise.resolve(view.held()),
    confirmPrune: async () => {
      const candidates = view.held()
      await watcher.confirmPrune()
      return candidates
    },
    ready,
    exit: options.exit,
    close: () => {
      changes.close()
    },
  }
}
