import { stringify } from 'yaml'
import type { TestDaemon } from './daemon.ts'

/** Data centers and links for tests, as manifests, and what the daemon says of them. */

const document = (kind: string, name: string, spec: Readonly<Record<string, unknown>>): string =>
  stringify({ apiVersion: 'sond.dev/v1alpha1', kind, metadata: { name }, spec })

export const buildDataCenter = (name: string, spec: Readonly<Record<string, unknown>> = {}): string =>
  document('DataCenter', name, spec)

export const buildLink = (
  name: string,
  endpoints: readonly [string, string],
  spec: Readonly<Record<string, unknown>> = {},
): string => document('Link', name, { endpoints, ...spec })

/** A file of several documents. */
export const documents = (...texts: readonly string[]): string => texts.join('---\n')

/** Manifest of an instance whose functions stand where `places` says. */
export const placed = (places: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> => ({
  functions: Object.entries(places).map(([vnfId, dataCenter]) => ({ vnfId, dataCenter })),
})

/** Status and reason of a link's condition, `False KernelLacksShaper`. */
export const linkSays = async (sond: TestDaemon, name: string, type: string): Promise<string> => {
  const found = (await sond.object('Link', name))?.status.conditions.find((condition) => condition.type === type)
  return found === undefined ? '' : `${found.status} ${found.reason}`
}
