/** `npm run corpus -- DIR`: every package of DIR, run on the in-memory engines, beside what the predecessor made of it. */
import { existsSync } from 'node:fs'
import { readFile, readdir } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { desireInstance } from '../../src/desired/desire.ts'
import type { DesireResult } from '../../src/desired/result.ts'
import { effectiveSettings } from '../../src/desired/settings.ts'
import type { DataCenter, Link, ServiceInstance } from '../../src/model/documents.ts'
import { type ObjectName, must, parseObjectName, parseOwner } from '../../src/model/names.ts'
import type { ServicePackage } from '../../src/model/package.ts'
import { defaultConfiguration } from '../../src/parse/configuration.ts'
import { cleanInterfaceName } from '../../src/parse/interface-name.ts'
import { bytesInMemory } from '../../src/model/byte-source.ts'
import { parsePackage } from '../../src/parse/package.ts'
import { actualOutcome } from './actual.ts'
import { compare } from './compare.ts'
import { differencesOnEngines } from './engines.ts'
import { type ExpectedPlan, expectedOutcome, readExpected } from './expected.ts'
import { failureMend, mendOutcome } from './mends.ts'
import type { Mend } from './outcome.ts'

const name = (text: string): ObjectName => must(parseObjectName(text), text)
const clean = (text: string): string => cleanInterfaceName(text) ?? text
const hostCpus = 8

const dataCenter = (text: string): DataCenter => ({
  kind: 'DataCenter',
  metadata: { name: name(text), labels: {} },
  spec: { capacity: {} },
})
const trunk: Link = {
  kind: 'Link',
  metadata: { name: name('dc1-dc2'), labels: {} },
  spec: { endpoints: [name('dc1'), name('dc2')] },
}
const topology = { dataCenters: [dataCenter('dc1'), dataCenter('dc2')], links: [trunk] }

const instance: ServiceInstance = {
  kind: 'ServiceInstance',
  metadata: { name: name('demo'), labels: {} },
  spec: {
    package: { by: 'file', file: 'demo.son' },
    packageText: 'demo.son',
    replicas: 1,
    suspend: false,
    state: 'Running',
    driftMode: 'Enforce',
    settings: {},
    functions: [],
  },
}

/** As the original was set: links only with a forwarding graph. */
export const desireAlone = (pack: ServicePackage, deploySaps: boolean): DesireResult =>
  desireInstance({
    instance,
    package: pack,
    topology,
    settings: effectiveSettings(defaultConfiguration().spec, { deploySaps, requireForwardingGraphs: true }),
    owner: must(parseOwner('sond'), 'sond'),
    host: { cpus: hostCpus },
    ledger: { allocations: new Map(), reserved: [] },
    previous: undefined,
  })

interface Report {
  readonly mends: readonly Mend[]
  readonly differences: readonly string[]
}

const compareOne = async (
  pack: ServicePackage | undefined,
  errors: readonly string[],
  expected: { readonly off: ExpectedPlan; readonly on: ExpectedPlan },
  deploySaps: boolean,
): Promise<Report> => {
  const plan = deploySaps ? expected.on : expected.off
  const failed = !plan.onboard.ok || plan.start?.ok !== true
  if (pack === undefined) {
    if (failed) return { mends: [], differences: [] }
    return { mends: [], differences: [`refused, which the original started: ${errors.join('; ')}`] }
  }
  const result = desireAlone(pack, deploySaps)
  const onEngines = await differencesOnEngines(result, topology)
  const actual = actualOutcome(pack, result, defaultConfiguration().spec.results.directory)
  const mends: Mend[] = []
  const origin = expectedOutcome(plan, clean)
  if (failed) {
    const failure = failureMend(plan, expectedOutcome(expected.off, clean), pack, deploySaps)
    if (failure === undefined) {
      const error = [plan.onboard, plan.start].map((step) => step?.error ?? '').join('')
      return { mends, differences: [`accepted, where the original failed: ${error}`, ...onEngines] }
    }
    mends.push(failure.mend)
    if (failure.outcome === undefined) return { mends, differences: onEngines }
    Object.assign(origin, failure.outcome)
  }
  mends.push(...mendOutcome(origin, pack, deploySaps, failed))
  return { mends, differences: [...compare(origin, actual), ...onEngines] }
}

const filesBelow = async (directory: string): Promise<readonly string[]> =>
  (await readdir(directory, { withFileTypes: true, recursive: true }))
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()

const main = async (root: string): Promise<number> => {
  const packages = (await filesBelow(root)).filter((file) => /\.(?:son|tgo)$/u.test(file))
  const expectations = (await filesBelow(join(root, 'expected'))).filter((file) => file.endsWith('.json'))
  const byRule = new Map<string, string[]>()
  let compared = 0
  let failed = 0
  for (const file of expectations) {
    const path = relative(join(root, 'expected'), file).replace(/\.json$/u, '')
    const packed = packages.find((item) => relative(root, item).replace(/\.(?:son|tgo)$/u, '') === path)
    if (packed === undefined) {
      console.log(`FAIL ${path}: there is an outcome and no package`)
      failed += 1
      continue
    }
    const bytes = await readFile(packed)
    const expected = readExpected(await readFile(file, 'utf8'))
    for (const assumeDockerImages of [false, true]) {
      const plans = assumeDockerImages ? expected.if_every_image_were_docker : expected
      if (plans === undefined || plans === null) continue
      const parsed = await parsePackage(basename(packed), bytesInMemory(bytes), { assumeDockerImages })
      const errors = parsed.diagnostics.filter((item) => item.severity === 'error').map((item) => item.message)
      for (const deploySaps of [false, true]) {
        const where = `${path}${assumeDockerImages ? ' (every image Docker)' : ''} ${deploySaps ? 'with' : 'without'} SAPs`
        const both = { off: plans.deploy_sap_off, on: plans.deploy_sap_on }
        const { mends, differences } = await compareOne(parsed.package, errors, both, deploySaps)
        compared += 1
        for (const mend of mends) byRule.set(mend.rule, [...(byRule.get(mend.rule) ?? []), `${where}: ${mend.where}`])
        if (differences.length === 0) continue
        failed += 1
        console.log(`FAIL ${where}`)
        for (const difference of differences) console.log(`    ${difference}`)
      }
    }
  }
  for (const [rule, places] of [...byRule].sort()) {
    console.log(`\nDifferent by rule ${rule}: ${places.length} times`)
    for (const place of places) console.log(`    ${place}`)
  }
  console.log(`\n${compared} outcomes run on the in-memory engines and compared, ${failed} differ without a rule`)
  return failed === 0 && compared > 0 ? 0 : 1
}

const [root] = process.argv.slice(2)
if (root === undefined || !existsSync(join(root, 'expected'))) {
  console.error('usage: npm run corpus -- DIR\nDIR holds packages and, below expected/, an outcome for each.')
  process.exitCode = 2
} else process.exitCode = await main(root)
