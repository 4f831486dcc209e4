// Where everything stands in the picture of one copy of a service. Pure: sizes in, positions out.

export const BOX = { width: 124, height: 46 }
const GAP = { x: 76, y: 30 }
const MARGIN = 22
const HUB_ROOM = 74

/** Walks along the point-to-point links from an end of the chain: how far each node is from there. */
const columns = (nodes, lines) => {
  const near = new Map(nodes.map(({ key }) => [key, []]))
  for (const { ends } of lines) {
    for (const end of ends) near.get(end).push(...ends.filter((other) => other !== end))
  }
  const column = new Map()
  const walk = (start, from) => {
    const queue = [start]
    column.set(start, from)
    for (const key of queue) {
      for (const other of near.get(key)) {
        if (column.has(other)) continue
        column.set(other, column.get(key) + 1)
        queue.push(other)
      }
    }
    return Math.max(...queue.map((key) => column.get(key)))
  }
  const ends = nodes.filter(({ key }) => near.get(key).length === 1)
  let next = 0
  // Ends of chains first, access points before functions; then what is in a ring; what stands alone comes last.
  const rank = ({ sap }) => (sap ? 0 : 1)
  const alone = nodes.filter(({ key }) => near.get(key).length === 0)
  const ring = nodes.filter(({ key }) => near.get(key).length > 1)
  for (const { key } of [...ends.toSorted((a, b) => rank(a) - rank(b)), ...ring, ...alone]) {
    if (!column.has(key)) next = walk(key, next) + 1
  }
  return column
}

/**
 * @param nodes `{key, sap}` in the order in which they shall be drawn
 * @param links `{key, lan, ends}`, ends being keys of nodes
 * @returns width, height, the upper left corner of each node and the middle of each LAN's hub
 */
export const layOut = (nodes, links) => {
  const column = columns(
    nodes,
    links.filter(({ lan }) => !lan),
  )
  const rows = []
  const corners = new Map()
  for (const { key } of nodes) {
    const x = column.get(key)
    const y = rows[x] ?? 0
    rows[x] = y + 1
    corners.set(key, { x: MARGIN + x * (BOX.width + GAP.x), y: MARGIN + y * (BOX.height + GAP.y) })
  }
  const bottom = MARGIN + Math.max(1, ...rows.map((count) => count ?? 0)) * (BOX.height + GAP.y)
  const hubs = new Map()
  const lans = links.filter(({ lan }) => lan)
  let floor = bottom
  for (const [index, { key, ends }] of lans.entries()) {
    const middles = ends.map((end) => corners.get(end).x + BOX.width / 2)
    const x = middles.reduce((sum, each) => sum + each, 0) / Math.max(1, middles.length) || MARGIN + BOX.width / 2
    const y = bottom + HUB_ROOM * index + HUB_ROOM / 3
    hubs.set(key, { x, y })
    floor = y + HUB_ROOM / 2
  }
  const width = MARGIN * 2 + Math.max(1, rows.length) * (BOX.width + GAP.x) - GAP.x
  return { width, height: Math.max(floor, bottom - GAP.y + MARGIN), corners, hubs }
}
