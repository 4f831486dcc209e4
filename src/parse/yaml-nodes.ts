import {
  type Alias,
  type Pair,
  type ParsedNode,
  type Scalar,
  type YAMLMap,
  isAlias,
  isMap,
  isScalar,
  isSeq,
} from 'yaml'
import { quote } from './report.ts'

export type YamlPath = readonly PropertyKey[]

export interface YamlOptions {
  /** What a key that occurs twice in a map means: refused, or the last one counts (as PyYAML does) and a notice is given. */
  readonly duplicateKeys: 'error' | 'last'
}

export type Found = (
  offset: number,
  path: YamlPath,
  severity: 'error' | 'notice',
  code: string,
  message: string,
) => void

const maximumDepth = 64
/** Values after aliases are replaced by what they name, so that a short text cannot grow without end. */
const maximumValues = 100_000
const mergeKey = '<<'

/** A YAML tag of the core schema; whatever else is written is somebody's own. */
const coreTag = /^tag:yaml\.org,2002:(?:map|seq|str|null|bool|int|float)$|^!$/

/** What each alias of a document stands for. */
export type Aliases = ReadonlyMap<Alias, ParsedNode>

const offsetOf = (node: ParsedNode): number => node.range[0]

/** Every map key as text: a number or boolean as it is written. */
const keyText = (key: Scalar.Parsed): string => (typeof key.value === 'string' ? key.value : key.source)

class Refused extends Error {}

/**
 * Turns nodes into plain values. Stops at the first thing it refuses: what follows (an alias bomb, a cycle) may have no end.
 */
export const convertNode = (
  root: ParsedNode,
  options: YamlOptions,
  found: Found,
): { readonly failed: boolean; readonly value: unknown; readonly aliases: Aliases } => {
  const anchors = new Map<string, ParsedNode>()
  const aliases = new Map<Alias, ParsedNode>()
  let values = 0
  let duplicates = false
  const open = new Set<ParsedNode>()

  const refuse = (node: ParsedNode, path: YamlPath, code: string, message: string): never => {
    found(offsetOf(node), path, 'error', code, message)
    throw new Refused()
  }

  /** An alias means the last node before it with that anchor. */
  const follow = (node: ParsedNode, path: YamlPath): ParsedNode => {
    if (!isAlias(node)) {
      if (node.anchor !== undefined) anchors.set(node.anchor, node)
      return node
    }
    const target = aliases.get(node) ?? anchors.get(node.source)
    if (target === undefined)
      return refuse(node, path, 'YAML_ALIAS', `no anchor "&${node.source}" stands before this alias`)
    aliases.set(node, target)
    return target
  }

  const convertMap = (node: YAMLMap.Parsed, path: YamlPath): Record<string, unknown> => {
    // A map's keys come from the user: without a prototype no key has a meaning of its own.
    const map: Record<string, unknown> = Object.create(null) as Record<string, unknown> // Object.create gives any
    const merged: unknown[] = []
    for (const { key, value } of node.items) {
      const scalar = follow(key, path)
      if (!isScalar(scalar)) {
        return refuse(key, path, 'YAML_KEY', 'a key here is a map or a list; keys are text')
      }
      const name = keyText(scalar).toWellFormed()
      const here = [...path, name]
      if (name === mergeKey) {
        const source = value === null ? [] : (convert(value, here) ?? [])
        merged.push(...(Array.isArray(source) ? (source as unknown[]) : [source])) // elements of a converted list
        continue
      }
      if (Object.hasOwn(map, name)) {
        const last = options.duplicateKeys === 'last'
        const message = `the key ${quote(name)} is already in this map; ${last ? 'the last one counts' : 'keep one of them'}`
        found(offsetOf(key), here, last ? 'notice' : 'error', 'DUPLICATE_KEY', message)
        duplicates ||= !last
      }
      map[name] = value === null ? null : convert(value, here)
    }
    for (const source of merged) {
      if (source === null || typeof source !== 'object' || Array.isArray(source)) {
        return refuse(node, path, 'YAML_MERGE', 'the merge key "<<" takes a map or a list of maps')
      }
      for (const [name, value] of Object.entries(source)) if (!Object.hasOwn(map, name)) map[name] = value
    }
    return map
  }

  const convert = (node: ParsedNode, path: YamlPath): unknown => {
    values += 1
    if (values > maximumValues) {
      return refuse(
        node,
        path,
        'TOO_LARGE',
        `the document has more than ${maximumValues} values (aliases counted in full)`,
      )
    }
    if (path.length > maximumDepth) return refuse(node, path, 'TOO_DEEP', `nested more than ${maximumDepth} deep`)
    if (node.tag !== undefined && !coreTag.test(node.tag)) {
      return refuse(node, path, 'YAML_TAG', `the tag ${quote(node.tag)} is not known; write plain values without a tag`)
    }
    const target = follow(node, path)
    if (isAlias(node)) return convert(target, path)
    if (isScalar(node)) return typeof node.value === 'string' ? node.value.toWellFormed() : node.value
    if (open.has(node)) return refuse(node, path, 'YAML_ALIAS', 'a value contains itself through an alias')
    open.add(node)
    const value = isSeq<ParsedNode>(node)
      ? node.items.map((item, index) => convert(item, [...path, index]))
      : convertMap(node, path)
    open.delete(node)
    return value
  }

  try {
    const value = convert(root, [])
    return { failed: duplicates, value, aliases }
  } catch (error) {
    if (error instanceof Refused) return { failed: true, value: undefined, aliases }
    throw error
  }
}

export interface FoundNode {
  readonly node: ParsedNode
  readonly offset: number
  /** Whether the path led all the way. */
  readonly exact: boolean
}

export interface Finder {
  /** The node at a path, or the last one on the way there. */
  readonly node: (path: YamlPath) => FoundNode
  /** Offset of the key that a path ends in. */
  readonly key: (path: YamlPath) => number | undefined
}

type MapPair = Pair<ParsedNode, ParsedNode | null>

/** Finds nodes by path. Each map's keys are looked through once, however many values are asked for. */
export const createFinder = (root: ParsedNode, aliases: Aliases): Finder => {
  const keys = new Map<ParsedNode, ReadonlyMap<string, MapPair>>()
  const meant = (node: ParsedNode): ParsedNode => (isAlias(node) ? (aliases.get(node) ?? node) : node)

  const pairAt = (node: ParsedNode, key: PropertyKey): MapPair | undefined => {
    if (!isMap<ParsedNode, ParsedNode | null>(node)) return undefined
    let pairs = keys.get(node)
    if (pairs === undefined) {
      pairs = new Map(
        node.items.flatMap((pair) => {
          const scalar = meant(pair.key)
          return isScalar(scalar) ? [[keyText(scalar), pair] as const] : []
        }),
      )
      keys.set(node, pairs)
    }
    return pairs.get(String(key))
  }

  const findNode = (path: YamlPath): FoundNode => {
    let node = meant(root)
    let offset = offsetOf(root)
    for (const part of path) {
      let next: ParsedNode | null | undefined
      if (isSeq<ParsedNode>(node)) {
        next = typeof part === 'number' ? node.items[part] : undefined
      } else {
        const pair = pairAt(node, part)
        if (pair?.value === null) offset = offsetOf(pair.key)
        next = pair?.value
      }
      if (next === null || next === undefined) return { node, offset, exact: false }
      offset = offsetOf(next)
      node = meant(next)
    }
    return { node, offset, exact: true }
  }

  return {
    node: findNode,
    key: (path) => {
      const last = path.at(-1)
      if (last === undefined) return undefined
      const { node, exact } = findNode(path.slice(0, -1))
      const pair = exact ? pairAt(node, last) : undefined
      return pair === undefined ? undefined : offsetOf(pair.key)
    },
  }
}

/** A scalar's text: what is in the quotes, or what stands there plainly. */
export const sourceText = ({ node, exact }: FoundNode): string | undefined => {
  if (!exact || !isScalar(node)) return undefined
  return typeof node.value === 'string' ? node.value.toWellFormed() : node.source
}
