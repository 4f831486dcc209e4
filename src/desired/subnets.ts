import ipaddr from 'ipaddr.js'
import type { PoolSettings } from '../model/documents.ts'
import { type Cidr, must, parseCidr } from '../model/names.ts'

/** A block of IPv4 addresses; both ends included, as numbers of 32 bits. */
export interface Block {
  readonly first: number
  readonly last: number
  readonly length: number
}

const split = (cidr: Cidr): readonly [address: number, length: number] => {
  const [address, length] = ipaddr.IPv4.parseCIDR(cidr)
  return [address.toByteArray().reduce((number, byte) => number * 256 + byte, 0), length]
}

const addressText = (value: number): string =>
  new ipaddr.IPv4([24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256)).toString()

/** The block that an address with prefix length lies in. */
export const blockOf = (cidr: Cidr): Block => {
  const [address, length] = split(cidr)
  const size = 2 ** (32 - length)
  const first = Math.floor(address / size) * size
  return { first, last: first + size - 1, length }
}

const cidrOf = (value: number, length: number): Cidr => {
  const text = `${addressText(value)}/${length}`
  return must(parseCidr(text), text)
}

export const subnetText = ({ first, length }: Block): Cidr => cidrOf(first, length)

export const subnetOf = (address: Cidr): Cidr => {
  const block = blockOf(address)
  return cidrOf(block.first, block.length)
}

export const overlap = (a: Block, b: Block): boolean => a.first <= b.last && b.first <= a.last

/** Host address number `index`, from 1; undefined when the subnet has no so many. */
export const hostAddress = (subnet: Cidr, index: number): Cidr | undefined => {
  const block = blockOf(subnet)
  const value = block.first + index
  return index >= 1 && value < block.last ? cidrOf(value, block.length) : undefined
}

/** Which host address of its subnet an address is, from 1. */
export const hostIndex = (address: Cidr): number => split(address)[0] - blockOf(address).first

/** Host addresses in a subnet: all but the first (network) and the last (broadcast). */
export const hostCount = (subnet: Cidr): number => 2 ** (32 - blockOf(subnet).length) - 2

/** Prefix length of a subnet of this pool that has room for `hosts`. */
const lengthFor = (pool: PoolSettings, hosts: number): number =>
  Math.min(pool.size, 30, 32 - Math.ceil(Math.log2(hosts + 2)))

/** Subnets of a pool that have room for so many hosts, by their places in the order in which they are handed out. */
export interface PoolOrder {
  readonly count: number
  at(place: number): Block
}

/**
 * Pools give one subnet per third octet where their prefix is wide enough (10.30.0.0/30, 10.30.1.0/30, ...), else one beside
 * the other.
 */
export const poolOrder = (pool: PoolSettings, hosts: number): PoolOrder => {
  const prefix = blockOf(pool.prefix)
  const slot = 2 ** (32 - pool.size)
  const room = prefix.last - prefix.first + 1
  const stride = slot < 256 && pool.count * 256 <= room ? 256 : slot
  const end = Math.min(prefix.last, prefix.first + stride * pool.count - 1)
  const length = lengthFor(pool, hosts)
  const size = 2 ** (32 - length)
  const step = Math.max(size, stride)
  const start = Math.ceil(prefix.first / size) * size // a block begins at a multiple of its size
  return {
    count: Math.max(0, Math.floor((end - start + 1 - size) / step) + 1),
    at: (place) => ({ first: start + place * step, last: start + place * step + size - 1, length }),
  }
}
