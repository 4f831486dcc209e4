import type { ApiObjects, Backend } from './backend.ts'
import { holds } from './conditions.ts'

type Instance = ApiObjects['ServiceInstance']

export type WaitEnd =
  | { readonly end: 'reached' }
  /** `object` is undefined where there is none (any more). */
  | { readonly end: 'timeout' | 'stalled' | 'gone'; readonly object: Instance | undefined }

export interface WaitOptions {
  readonly timeoutMs: number
  readonly signal: AbortSignal
}

/** Until the instance is Ready for what was last asked, is Stalled, has gone, or time is up. */
export const waitForReady = (backend: Backend, name: string, options: WaitOptions): Promise<WaitEnd> =>
  waitFor(backend, name, options, (object) => {
    if (object === undefined) return { end: 'gone', object }
    if (holds(object, 'Ready')) return { end: 'reached' }
    return holds(object, 'Stalled') ? { end: 'stalled', object } : undefined
  })

/** Until there is no such instance, or time is up. */
export const waitUntilGone = (backend: Backend, name: string, options: WaitOptions): Promise<WaitEnd> =>
  waitFor(backend, name, options, (object) => (object === undefined ? { end: 'reached' } : undefined))

/** Looks at once and after each change of the object; the change itself is only a hint. */
const waitFor = async (
  backend: Backend,
  name: string,
  { timeoutMs, signal }: WaitOptions,
  judge: (object: Instance | undefined) => WaitEnd | undefined,
): Promise<WaitEnd> => {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)])
  let wake = Promise.withResolvers<undefined>()
  const ring = (): void => wake.resolve(undefined)
  const unsubscribe = backend.subscribe((change) => {
    if (change.type === 'EVENT') return
    if (change.object.kind === 'ServiceInstance' && change.object.metadata.name === name) ring()
  })
  stop.addEventListener('abort', ring, { once: true })
  try {
    for (;;) {
      const object = await backend.get('ServiceInstance', name)
      const end = judge(object)
      if (end !== undefined) return end
      if (stop.aborted) return { end: 'timeout', object }
      await wake.promise
      wake = Promise.withResolvers()
    }
  } finally {
    unsubscribe()
    stop.removeEventListener('abort', ring)
  }
}
