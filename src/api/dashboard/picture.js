// A copy of a service as a picture: functions are boxes, access points rounded ones, E-Lines lines, E-LANs hubs.
import { h, s } from './elements.js'
import { BOX, layOut } from './layout.js'
import { counted, functionName, functionTone, linkTone } from './state.js'

const shorten = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

/** Nodes of a copy, and its links with the nodes at their ends. */
const graphOf = ({ functions, links, saps }, copy) => {
  const own = functions.filter((each) => each.copy === copy)
  const nodes = [
    ...own.map((each) => ({
      key: `f ${functionName(each)}`,
      sap: false,
      title: functionName(each),
      note: [each.container?.state ?? 'no container', each.dataCenter].filter(Boolean).join(' · '),
      tone: functionTone(each),
      problem: each.problem,
    })),
    ...saps
      .filter((each) => each.copy === copy)
      .map(({ name, address }) => ({ key: `s ${name}`, sap: true, title: name, note: address ?? '', tone: 'good' })),
  ]
  const known = new Set(nodes.map(({ key }) => key))
  const edges = links
    .filter((each) => each.copy === copy)
    .map((link) => {
      const isEnd = ({ vnfId, interfaces }) =>
        interfaces.some((each) => each.link === link.id) ||
        link.endpoints.some((end) => end.startsWith(`${vnfId}:`) && !interfaces.some((each) => each.link !== null))
      const points = link.endpoints.flatMap((end) => [`s ${end}`, `s ${end.replace(/^[^:]*:/, '')}`])
      const ends = [...own.filter(isEnd).map((each) => `f ${functionName(each)}`), ...points]
      return {
        key: link.id,
        link,
        lan: link.type.toLowerCase() !== 'e-line',
        ends: [...new Set(ends)].filter((key) => known.has(key)),
      }
    })
  return { nodes, edges }
}

const middle = ({ x, y }) => ({ x: x + BOX.width / 2, y: y + BOX.height / 2 })

/** From box to box: out at the sides when they stand beside each other, bent around when they stand on each other. */
const lineBetween = (from, to) => {
  const [a, b] = [middle(from), middle(to)]
  if (from.x === to.x) {
    const side = from.x + BOX.width
    return {
      path: `M${side},${a.y} C${side + 50},${a.y} ${side + 50},${b.y} ${side},${b.y}`,
      x: side + 40,
      y: (a.y + b.y) / 2,
    }
  }
  const sign = Math.sign(b.x - a.x)
  const [x1, x2] = [a.x + (sign * BOX.width) / 2, b.x - (sign * BOX.width) / 2]
  const bend = Math.abs(x2 - x1) > BOX.width ? BOX.height * 1.1 : 0
  const half = (x1 + x2) / 2
  return {
    path: `M${x1},${a.y} Q${half},${(a.y + b.y) / 2 - bend} ${x2},${b.y}`,
    x: half,
    y: (a.y + b.y) / 2 - bend / 2 - 6,
  }
}

const tip = ({ link }) => `${link.id} (${link.type}): ${link.chained ? 'chained' : `not chained: ${link.reason}`}`

const drawLine = (edge, { corners }) => {
  const parts = edge.ends.slice(1).map((end, index) => lineBetween(corners.get(edge.ends[index]), corners.get(end)))
  return s(
    'g',
    { class: linkTone(edge.link) },
    s('title', {}, tip(edge)),
    ...parts.flatMap(({ path, x, y }) => [
      s('path', { class: 'wire', d: path }),
      s('text', { class: 'label', x, y, 'text-anchor': 'middle' }, shorten(edge.link.id, 12)),
    ]),
  )
}

const drawHub = (edge, { corners, hubs }) => {
  const hub = hubs.get(edge.key)
  const spokes = edge.ends.map((end) => {
    const { x, y } = middle(corners.get(end))
    return s('line', { class: 'wire', x1: x, y1: y + BOX.height / 2, x2: hub.x, y2: hub.y })
  })
  return s(
    'g',
    { class: linkTone(edge.link) },
    s('title', {}, tip(edge)),
    ...spokes,
    s('circle', { class: 'node', cx: hub.x, cy: hub.y, r: 13 }),
    s('text', { class: 'label', x: hub.x + 19, y: hub.y + 12 }, shorten(edge.link.id, 30)),
  )
}

const drawNode = ({ key, sap, title, note, tone, problem }, { corners }) => {
  const { x, y } = corners.get(key)
  const center = x + BOX.width / 2
  return s(
    'g',
    { class: tone },
    s('title', {}, [title, note, problem].filter(Boolean).join(', ')),
    s('rect', { class: 'node', x, y, ...BOX, rx: sap ? BOX.height / 2 : 6 }),
    s('text', { x: center, y: y + 20, 'text-anchor': 'middle' }, shorten(title, 16)),
    s('text', { class: 'label', x: center, y: y + 36, 'text-anchor': 'middle' }, shorten(note, 20)),
  )
}

/** The tables tell the same in words; a screen reader gets the sum. */
export const picture = (status, copy) => {
  const { nodes, edges } = graphOf(status, copy)
  const places = layOut(nodes, edges)
  const broken = edges.filter(({ link }) => !link.chained).length
  const faulty = nodes.filter(({ tone }) => tone !== 'good').length
  const label = [
    `copy ${copy}: ${counted(nodes.length, 'node')} and ${counted(edges.length, 'link')}`,
    ...(faulty === 0 ? [] : [`${counted(faulty, 'function')} not as it should be`]),
    ...(broken === 0 ? [] : [`${counted(broken, 'link')} not chained`]),
  ].join(', ')
  const { width, height } = places
  return h(
    'figure',
    {},
    s(
      'svg',
      { role: 'img', 'aria-label': label, width, height, viewBox: `0 0 ${width} ${height}` },
      ...edges.map((edge) => (edge.lan ? drawHub(edge, places) : drawLine(edge, places))),
      ...nodes.map((node) => drawNode(node, places)),
    ),
    h('figcaption', {}, label),
  )
}
