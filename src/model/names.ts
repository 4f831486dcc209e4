import type { Brand } from './brand.ts'

/** DNS label (RFC 1123): 1-63 of a-z, 0-9 and '-', no dash at either end. */
export type ObjectName = Brand<'ObjectName'>
export type InstanceName = ObjectName
export type DataCenterName = ObjectName
/** `vnf_id` of an NSD: 1-63 of letters, digits, '_', '-', beginning with a letter, digit or '_'. */
export type VnfId = Brand<'VnfId'>
/** Kernel interface name: 1-15 of letters, digits, '-'. */
export type InterfaceName = Brand<'InterfaceName'>
/** Id of a virtual link as the NSD gives it; free text, never used as a name on an engine. */
export type LinkId = Brand<'LinkId'>
/** Docker container name. */
export type ContainerName = Brand<'ContainerName'>
/** Docker image reference, checked against the reference grammar; never begins with '-'. */
export type ImageRef = Brand<'ImageRef'>
/** Open vSwitch bridge name, at most 15 characters. */
export type BridgeName = Brand<'BridgeName'>
/** Open vSwitch port name = host end of a veth pair, at most 15 characters. */
export type PortName = Brand<'PortName'>
/** IPv4 address with prefix length, `10.30.0.1/30`. */
export type Cidr = Brand<'Cidr'>
/** Lower-case MAC address, `02:...`. */
export type MacAddress = Brand<'MacAddress'>
/** `sha256:` and 64 hex digits, of a package file's bytes. */
export type PackageDigest = Brand<'PackageDigest'>
/** Flow cookie as 16 hex digits with `0x`; the top 16 bits are 0x50dd. */
export type Cookie = Brand<'Cookie'>
/** Owner mark of a daemon: 1-32 of letters, digits, '_', '-', '.'. */
export type Owner = Brand<'Owner'>

const patterns = {
  ObjectName: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/,
  VnfId: /^[A-Za-z0-9_][A-Za-z0-9_-]{0,62}$/,
  InterfaceName: /^[A-Za-z0-9][A-Za-z0-9-]{0,14}$/,
  ContainerName: /^[A-Za-z0-9][A-Za-z0-9_.-]{1,254}$/,
  BridgeName: /^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/,
  Cidr: /^(?:\d{1,3}\.){3}\d{1,3}\/\d{1,2}$/,
  MacAddress: /^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$/,
  PackageDigest: /^sha256:[0-9a-f]{64}$/,
  Cookie: /^0x50dd[0-9a-f]{12}$/,
  Owner: /^[A-Za-z0-9][A-Za-z0-9_.-]{0,31}$/,
} as const

// Docker's reference grammar: [domain/]path[:tag][@digest], path in lower case (github.com/distribution/reference).
const imageReference =
  /^(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*(?::\d{1,5})?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/

type Kind = keyof typeof patterns

const parser =
  <K extends Kind>(kind: K) =>
  (text: string): Brand<K> | undefined =>
    patterns[kind].test(text) ? (text as Brand<K>) : undefined // the pattern is the proof

/** Each gives the branded name, or undefined when the text is not one. */
export const parseObjectName = parser('ObjectName')
export const parseVnfId = parser('VnfId')
export const parseInterfaceName = parser('InterfaceName')
export const parseContainerName = parser('ContainerName')
export const parseBridgeName = parser('BridgeName')
export const parseMacAddress = parser('MacAddress')
export const parsePackageDigest = parser('PackageDigest')
export const parseCookie = parser('Cookie')
export const parseOwner = parser('Owner')

/** The prefix length is checked to be 0-32 and each byte 0-255. */
export const parseCidr = (text: string): Cidr | undefined => {
  if (!patterns.Cidr.test(text)) return undefined
  const [address = '', length = ''] = text.split('/')
  const bytes = address.split('.').map(Number)
  const right = bytes.every((byte) => byte <= 255) && Number(length) <= 32
  return right ? (text as Cidr) : undefined // checked above
}

export const parsePortName = (text: string): PortName | undefined =>
  patterns.BridgeName.test(text) ? (text as PortName) : undefined // the same alphabet and length

export const parseImageRef = (text: string): ImageRef | undefined =>
  text.length <= 500 && imageReference.test(text) ? (text as ImageRef) : undefined // the pattern is the proof

/** Any text up to 256 characters without control characters. */
export const parseLinkId = (text: string): LinkId | undefined =>
  text.length > 0 && text.length <= 256 && !/\p{Cc}/u.test(text) ? (text as LinkId) : undefined // checked here

/** Unwraps a parse result whose text is known to be right by construction; a wrong one is a bug of the caller. */
export const must = <T>(parsed: T | undefined, text: string): T => {
  if (parsed === undefined) throw new TypeError(`not a valid name: ${JSON.stringify(text)}`)
  return parsed
}
