// Makes elements out of text: nothing that the daemon says is ever read as HTML.

const SVG = 'http://www.w3.org/2000/svg'

const fill = (node, attributes, children) => {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue
    if (typeof value === 'function') node.addEventListener(name, value)
    else node.setAttribute(name, value === true ? '' : String(value))
  }
  node.append(...children.flat().filter((child) => child !== undefined && child !== ''))
  return node
}

/** An HTML element; functions among the attributes are listeners, children are elements or texts. */
export const h = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children)

/** The same for SVG. */
export const s = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children)

/** Rows are lists of cells; a cell is a text, an element or a list of them. Scrolls by itself on a narrow screen. */
export const table = (caption, heads, rows) =>
  h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': caption },
    h(
      'table',
      {},
      h('caption', {}, caption),
      h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, head)))),
      h('tbody', {}, ...rows.map((cells) => h('tr', {}, ...cells.map((cell) => h('td', {}, ...[cell].flat()))))),
    ),
  )

/** A part that opens; `key` keeps it open, and keeps the focus on it, when what is around is drawn anew. */
export const fold = (key, title, ...children) =>
  h('details', { 'data-key': key }, h('summary', { 'data-key': `${key} title` }, title), ...children)

const keyed = (root) => new Map([...root.querySelectorAll('[data-key]')].map((node) => [node.dataset.key, node]))

/** Draws a part of the page anew, and leaves what is open and what has the focus as it was. */
export const redraw = (root, ...children) => {
  const open = new Map([...keyed(root)].filter(([, node]) => 'open' in node).map(([key, node]) => [key, node.open]))
  const focused = root.contains(document.activeElement) ? document.activeElement.dataset.key : undefined
  root.replaceChildren(...children)
  const now = keyed(root)
  for (const [key, node] of now) if (open.has(key)) node.open = open.get(key)
  now.get(focused)?.focus({ preventScroll: true })
}
