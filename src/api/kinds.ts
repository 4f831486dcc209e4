import { definableKinds, objectKinds, type DefinableKind, type ObjectKind } from './backend.ts'

interface KindNames {
  /** In addresses, `/instances`. */
  readonly plural: string
  /** In `sonctl` output and arguments, `instance/demo`. */
  readonly singular: string
  readonly others: readonly string[]
}

export const kindNames: Readonly<Record<ObjectKind, KindNames>> = {
  ServiceInstance: { plural: 'instances', singular: 'instance', others: ['si', 'serviceinstance', 'serviceinstances'] },
  DataCenter: { plural: 'datacenters', singular: 'datacenter', others: ['dc', 'dcs', 'pop'] },
  Link: { plural: 'links', singular: 'link', others: [] },
  Package: { plural: 'packages', singular: 'package', others: ['pkg', 'pkgs'] },
  File: { plural: 'files', singular: 'file', others: [] },
}

/** Any of a kind's names, in any case. */
export const parseKind = (text: string): ObjectKind | undefined => {
  const wanted = text.toLowerCase()
  return objectKinds.find((kind) => {
    const { plural, singular, others } = kindNames[kind]
    return wanted === plural || wanted === singular || others.includes(wanted)
  })
}

/** `KIND/NAME` or `KIND`, with any of the kind's names; names of files have slashes of their own. */
export const parseObjectReference = (
  text: string,
): { readonly kind: ObjectKind | undefined; readonly name: string | undefined } => {
  const slash = text.indexOf('/')
  return slash < 0
    ? { kind: parseKind(text), name: undefined }
    : { kind: parseKind(text.slice(0, slash)), name: text.slice(slash + 1) }
}

export const isDefinable = (kind: ObjectKind): kind is DefinableKind =>
  definableKinds.some((definable) => definable === kind)
