// A real pass for the status to be told of: a package, a manifest, and engines in memory.
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { desireInstance } from '../../src/desired/desire.ts'
import { effectiveSettings } from '../../src/desired/settings.ts'
import { createMemoryEngines } from '../../src/engine/memory/engines.ts'
import { createWorld } from '../../src/engine/memory/world.ts'
import type { ServiceInstance, SondConfiguration } from '../../src/model/documents.ts'
import type { ContainerName } from '../../src/model/names.ts'
import type { InstanceStatus } from '../../src/model/status.ts'
import { observe } from '../../src/observe/observe.ts'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { parseManifestFile } from '../../src/parse/manifest.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { plan } from '../../src/plan/plan.ts'
import type { InstanceEntry, PassResult, SummaryInput } from '../../src/status/input.ts'
import { summarize } from '../../src/status/summarize.ts'
import { calm, converge } from '../support/converge.ts'
import { name } from '../support/build.ts'
import { buildManifest, buildPackage, type ServiceSketch } from '../support/service.ts'

const encode = (text: string): Uint8Array => new TextEncoder().encode(text)

export const earlier = '2026-01-01T00:00:00.000Z'
export const later = '2026-01-01T00:01:00.000Z'

const policyBase = { ...calm, txOffloadBreaks: false }

export interface Sketch {
  readonly service: ServiceSketch
  readonly spec?: Readonly<Record<string, unknown>>
  readonly settings?: Partial<SondConfiguration['spec']>
}

const documentOf = (spec: Sketch['spec']): ServiceInstance => {
  const parsed = parseManifestFile('demo.yaml', encode(buildManifest('demo', 'svc', spec)))
  const [first] = parsed.documents
  if (first?.document.kind !== 'ServiceInstance') throw new Error(JSON.stringify(parsed.diagnostics))
  return first.document
}

/** The instance `demo` of a service, with what it wants, nothing made yet. */
export const createDemo = async ({ service, spec, settings }: Sketch) => {
  const bytes = await buildPackage(service)
  const parsed = await parsePackage('svc.son', bytesInMemory(bytes))
  if (parsed.package === undefined) throw new Error(JSON.stringify(parsed.diagnostics))
  const configured = { ...defaultConfiguration().spec, ...settings }
  const document = documentOf(spec)
  const result = desireInstance({
    instance: document,
    package: parsed.package,
    topology: { dataCenters: [], links: [] },
    settings: effectiveSettings(configured, document.spec.settings),
    owner: name.owner('sond'),
    host: { cpus: 4 },
    ledger: { allocations: new Map(), reserved: [] },
    previous: undefined,
  })
  const world = createWorld()
  const engines = createMemoryEngines({ owner: name.owner('sond'), world })
  const cookie = result.allocation?.cookie ?? 0
  const entry: InstanceEntry = {
    document,
    generation: 1,
    accepted: true,
    diagnostics: [],
    package: { package: parsed.package, digest: parsed.package.digest },
  }

  const look = async (more: Partial<PassResult> = {}): Promise<PassResult> => {
    const actual = more.actual ?? (await observe(result.desired, engines, cookie))
    const policy = { ...policyBase, heldBack: more.policy?.heldBack ?? new Map<ContainerName, string>() }
    return { actual, plan: plan(result.desired, actual, policy), policy, outcomes: [], ...more }
  }

  return {
    entry,
    result,
    engines,
    world,
    look,
    converge: () => converge(result.desired, engines, { cookie, policy: policyBase }),
    /** The status after a pass. */
    status: (convergence: PassResult | undefined, more: Partial<SummaryInput> = {}): InstanceStatus =>
      summarize({
        entry,
        previous: undefined,
        result,
        convergence,
        settled: false,
        acted: true,
        restarts: () => 0,
        now: earlier,
        ...more,
      }),
  }
}

export type Demo = Awaited<ReturnType<typeof createDemo>>

/** `True Ready`, `False NotRunning: message`: a condition in a line. */
export const told = (status: InstanceStatus, type: InstanceStatus['conditions'][number]['type']): string => {
  const found = status.conditions.find((condition) => condition.type === type)
  if (found === undefined) return 'none'
  return `${found.status} ${found.reason}${found.message === '' ? '' : `: ${found.message}`}`
}
