import { UndirectedGraph } from 'graphology'
import { singleSource as byDelay } from 'graphology-shortest-path/dijkstra.js'
import { singleSource as byHops } from 'graphology-shortest-path/unweighted.js'
import { edgePathFromNodePath } from 'graphology-shortest-path/utils.js'
import type { Link, PathPolicy } from '../model/documents.ts'
import type { DataCenterName, Owner, PortName } from '../model/names.ts'
import { trunkPort } from './identity.ts'

/** From one switch to the next: `out` is a port of the first, `in` of the second. */
export interface Hop {
  readonly link: string
  readonly from: DataCenterName
  readonly to: DataCenterName
  readonly out: PortName
  readonly in: PortName
}

export interface Routes {
  /** Hops of a shortest path, none for a data center to itself; undefined when there is no way. */
  readonly path: (from: DataCenterName, to: DataCenterName) => readonly Hop[] | undefined
}

// So that of two ways with equal delay the one with fewer switches is taken; milliseconds.
const hopDelayMs = 0.001

/** Links between known data centers, by name: of several between the same two the best one comes first. */
export const usableLinks = (links: readonly Link[], known: ReadonlySet<DataCenterName>): readonly Link[] =>
  links
    .filter(({ spec: { endpoints } }) => endpoints[0] !== endpoints[1] && endpoints.every((name) => known.has(name)))
    .sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))

/** Shortest paths from one data center form a tree: links that cross several switches never loop. */
export const createRoutes = (
  known: ReadonlySet<DataCenterName>,
  links: readonly Link[],
  owner: Owner,
  policy: PathPolicy,
): Routes => {
  const names = [...known].sort()
  const graph = new UndirectedGraph<Record<string, never>, { link: Link; delay: number }>()
  for (const name of names) graph.addNode(name)
  const delayOf = (link: Link): number => (link.spec.delayMs ?? 0) + hopDelayMs
  const usable = usableLinks(links, known)
  const ordered = policy === 'Hops' ? usable : usable.toSorted((a, b) => delayOf(a) - delayOf(b))
  for (const link of ordered) {
    const [a, b] = link.spec.endpoints
    if (!graph.hasEdge(a, b)) graph.addEdge(a, b, { link, delay: delayOf(link) })
  }
  const trees = new Map<DataCenterName, Readonly<Record<string, readonly string[]>>>()
  const treeOf = (from: DataCenterName): Readonly<Record<string, readonly string[]>> => {
    const tree = trees.get(from) ?? (policy === 'Hops' ? byHops(graph, from) : byDelay(graph, from, 'delay'))
    trees.set(from, tree)
    return tree
  }
  return {
    path: (from, to) => {
      const nodes = treeOf(from)[to]
      if (nodes === undefined) return undefined
      let at = from
      return edgePathFromNodePath(graph, [...nodes]).map((edge): Hop => {
        const link = graph.getEdgeAttribute(edge, 'link')
        const before = at
        const [a, b] = link.spec.endpoints
        at = a === before ? b : a
        const name = link.metadata.name
        return { link: name, from: before, to: at, out: trunkPort(owner, name, before), in: trunkPort(owner, name, at) }
      })
    },
  }
}

/** The same way back. */
export const reversed = (hops: readonly Hop[]): readonly Hop[] =>
  hops.toReversed().map((hop) => ({ ...hop, from: hop.to, to: hop.from, out: hop.in, in: hop.out }))
