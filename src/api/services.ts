import { stringify } from 'yaml'
import { apiVersion } from '../model/documents.ts'
import type { ApiObjects, Backend } from './backend.ts'

type Package = ApiObjects['Package']
type Instance = ApiObjects['ServiceInstance']

/** Services as the gatekeeper thinks of them: a package, and instances started from it. */
export interface Services {
  /** Writes a manifest for one more instance; gives its name. */
  start(service: Package): Promise<string>
  isOf(instance: Instance, service: Package): boolean
}

const LONGEST_LABEL = 63

export const createServices = (backend: Backend): Services => {
  // One at a time: two callers at once must not find the same name free.
  let last: Promise<unknown> = Promise.resolve()

  const start = async (service: Package): Promise<string> => {
    const taken = new Set((await backend.list('ServiceInstance')).map(({ metadata }) => metadata.name))
    const name = freeName(service.spec.name, taken)
    const manifest = {
      apiVersion,
      kind: 'ServiceInstance',
      metadata: { name },
      spec: { package: service.spec.digest },
    }
    await backend.apply(stringify(manifest), { dryRun: false })
    return name
  }

  return {
    start(service) {
      const started = last.then(() => start(service))
      last = started.catch(() => undefined)
      return started
    },
    isOf: ({ spec, status }, service) =>
      spec.package === service.spec.digest || status.package?.digest === service.spec.digest,
  }
}

/** First of `name-1`, `name-2`, ... that is free, as a DNS label. */
export const freeName = (wanted: string, taken: ReadonlySet<string>): string => {
  const clean = wanted.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
  for (let number = 1; ; number += 1) {
    const suffix = `-${number}`
    const stem = clean.slice(0, LONGEST_LABEL - suffix.length).replaceAll(/^-+|-+$/g, '')
    const name = `${stem === '' ? 'service' : stem}${suffix}`
    if (!taken.has(name)) return name
  }
}
