import type { UnitKey } from '../model/desired.ts'
import {
  type BridgeName,
  type ContainerName,
  type DataCenterName,
  type InstanceName,
  type LinkId,
  type Owner,
  type PortName,
  type VnfId,
  must,
  parseBridgeName,
  parseContainerName,
  parsePortName,
  parseVnfId,
} from '../model/names.ts'
import { hash24, shortHash } from './hash.ts'

const bridge = (text: string): BridgeName => must(parseBridgeName(text), text)
const port = (text: string): PortName => must(parsePortName(text), text)

/** Free text as part of a name: other characters become `-`, a hash keeps two texts apart that would become one. */
const namePart = (text: string, limit: number): string => {
  const cleaned = text.replaceAll(/[^A-Za-z0-9_-]/gu, '-').slice(0, limit)
  return cleaned === text && text !== '' ? text : `${cleaned}-${shortHash(6, text)}`
}

/** `fw`, `fw.vdu1`, and for a replica after the first `fw.1`: what tells an instance's containers apart in one copy. */
const unitPath = (vnf: string, vdu: string): string => (vdu === '' ? vnf : `${vnf}.${namePart(vdu, 40)}`)

export const containerName = (owner: Owner, unit: UnitKey): ContainerName => {
  const text = `${owner}.${unit.instance}.${unit.copy}.${unitPath(unit.vnf, unit.vdu)}.${unit.replica}`
  return must(parseContainerName(text), text)
}

/**
 * Where a function's `/mnt/share/` lies on the host: `RESULTS/INSTANCE/COPY/VNF`, with `.VDU` behind it for a VNF of several
 * units and `.REPLICA` for replicas after the first.
 */
export const resultsPath = (resultsDirectory: string, unit: UnitKey): string => {
  const leaf = unitPath(unit.vnf, unit.vdu) + (unit.replica === 0 ? '' : `.${unit.replica}`)
  return `${resultsDirectory.replace(/\/+$/u, '')}/${unit.instance}/${unit.copy}/${leaf}`
}

/** Where `resultsPath` is mounted. */
export const resultsMount = '/mnt/share/'

/** The name of a SAP as a container's VNF part. */
export const sapKey = (name: string): VnfId => {
  const parsed = parseVnfId(name)
  if (parsed !== undefined) return parsed
  const text = `sap_${namePart(name, 40)}`
  return must(parseVnfId(text), text)
}

// Linux device names have at most 15 characters (IFNAMSIZ).
const deviceNameLimit = 15

export const dataCenterBridge = (owner: Owner, dataCenter: DataCenterName): BridgeName => {
  const plain = `sond-${dataCenter}`
  return owner === 'sond' && plain.length <= deviceNameLimit
    ? bridge(plain)
    : bridge(`sb${shortHash(12, owner, 'dc', dataCenter)}`)
}

export const sapBridge = (owner: Owner, instance: InstanceName, copy: number, sap: string): BridgeName =>
  bridge(`sb${shortHash(12, owner, 'sap', instance, copy, sap)}`)

/** Where two links' or interfaces' names would be one, the second takes another: `salt` counts the tries. */
export const interfacePort = (owner: Owner, unit: UnitKey, interfaceName: string, salt: number): PortName =>
  port(
    `sv${shortHash(12, owner, unit.instance, unit.copy, unit.vnf, unit.vdu, unit.replica, interfaceName, ...(salt === 0 ? [] : [salt]))}`,
  )

/** `side`: `sap` = on the SAP's own switch, `dc` = on the data center's. */
export const sapPort = (
  owner: Owner,
  instance: InstanceName,
  copy: number,
  sap: string,
  link: LinkId,
  side: 'sap' | 'dc',
  salt: number,
): PortName => port(`sp${shortHash(12, owner, instance, copy, sap, link, side, ...(salt === 0 ? [] : [salt]))}`)

/** Port of a `Link` on the switch of `at`. */
export const trunkPort = (owner: Owner, link: string, at: DataCenterName): PortName =>
  port(`st${shortHash(12, owner, link, at)}`)

/** Numbers of links in cookies, unique within the instance; they depend on the set of links alone, not on their order. */
export const linkNumbers = (
  links: readonly { readonly copy: number; readonly link: LinkId }[],
): ((copy: number, link: LinkId) => number) => {
  const key = (copy: number, link: LinkId): string => `${copy}/${link}`
  const numbers = new Map<string, number>()
  const taken = new Set<number>()
  const sorted = [...links].sort((a, b) => a.copy - b.copy || (a.link < b.link ? -1 : 1))
  for (const { copy, link } of sorted) {
    let number = hash24(copy, link)
    while (taken.has(number)) number = (number + 1) % 2 ** 24
    taken.add(number)
    numbers.set(key(copy, link), number)
  }
  return (copy, link) => numbers.get(key(copy, link)) ?? 0
}

/** Hands out names that are free in this instance: tries salt 0, 1, ... */
export const createNames = <T extends string>(): ((make: (salt: number) => T) => T) => {
  const taken = new Set<T>()
  return (make) => {
    let salt = 0
    while (taken.has(make(salt))) salt += 1
    const name = make(salt)
    taken.add(name)
    return name
  }
}
