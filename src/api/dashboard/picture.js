// A copy of a service as a picture: functions are boxes, access points rounded ones, E-Lines lines, E-LANs hubs.
import { h, s } from './elements.js'
import { BOX, layOut } from './layout.js'
import { counted, functionName, functionTone, linkTone } from './state.js'

const shorten = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text)

const nodeOfFunction = (one) => ({
  key: `f ${functionName(one)}`,
  sap: false,
  title: functionName(one),
  note: [one.container?.state ?? 'no container', one.dataCenter].filter(Boolean).join(' · '),
  tone: functionTone(one),
  problem: one.problem,
})
const nodeOfSap = ({ name, address }) => ({
  key: `s ${name}`,
  sap: true,
  title: name,
  note: address ?? '',
  tone: 'good',
})
/** What a link names and the service does not have. */
const nodeOfNothing = (end) => ({ key: `x ${end}`, sap: true, title: end, note: 'not there', tone: 'absent' })

/** Nodes that an end of a link means: a function, all its replicas, an access point; none when there is no such thing. */
const meaningOf = (end, link, functions, saps) => {
  const [vnf] = end.split(':')
  const named = functions.filter(({ vnfId }) => vnfId === vnf)
  // Of a function with several units, the one with the interface.
  const wired = named.filter(({ interfaces }) => interfaces.some((each) => each.link === link.id))
  if (named.length > 0) return (wired.length > 0 ? wired : named).map(nodeOfFunction)
  return saps.filter(({ name }) => [end, end.replace(':', '_')].includes(name)).map(nodeOfSap)
}

/** Nodes of a copy; its E-Lines from node to node, its E-LANs with all their nodes. */
const graphOf = (status, copy) => {
  const [functions, links, saps] = [status.functions, status.links, status.saps].map((each) =>
    each.filter((one) => one.copy === copy),
  )
  const nodes = new Map([...functions.map(nodeOfFunction), ...saps.map(nodeOfSap)].map((node) => [node.key, node]))
  const edges = links.flatMap((link) => {
    const groups = link.endpoints.map((end) => meaningOf(end, link, functions, saps))
    if (link.type.toLowerCase() !== 'e-line') {
      const ends = new Set(groups.flat().map(({ key }) => key))
      return [{ key: link.id, link, lan: true, ends: [...ends] }]
    }
    const whole = groups.map((group, index) => (group.length > 0 ? group : [nodeOfNothing(link.endpoints[index])]))
    for (const node of whole.flat()) nodes.set(node.key, node)
    return whole
      .slice(1)
      .flatMap((group, index) => whole[index].flatMap((from) => group.map((to) => [from.key, to.key])))
      .map((ends) => ({ key: ends.join(' to '), link, lan: false, ends }))
  })
  return { nodes: [...nodes.values()], edges, links }
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

const tip = ({ link: { id, type, chained, reason } }) =>
  `${id} (${type}): ${chained ? 'chained' : 'not chained'}${reason === '' ? '' : `: ${reason}`}`

const drawLine = (edge, { corners }) => {
  const { path, x, y } = lineBetween(...edge.ends.map((end) => corners.get(end)))
  return s(
    'g',
    { class: linkTone(edge.link) },
    s('title', {}, tip(edge)),
    s('path', { class: 'wire', d: path }),
    s('text', { class: 'label', x, y, 'text-anchor': 'middle' }, shorten(edge.link.id, 12)),
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
  const { nodes, edges, links } = graphOf(status, copy)
  const places = layOut(nodes, edges)
  const broken = links.filter(({ chained }) => !chained).length
  const faulty = status.functions.filter((each) => each.copy === copy && functionTone(each) !== 'good').length
  const label = [
    `copy ${copy}: ${counted(nodes.filter(({ sap }) => !sap).length, 'function')} and ${counted(links.length, 'link')}`,
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
