// What the page knows of the daemon: lists, kept true by the stream of changes. Touches no document.

// As many as the daemon keeps.
const EVENTS_KEPT = 1000

/** @param kinds names of the kinds of objects */
export const createStore = (kinds) => {
  const objects = new Map(kinds.map((kind) => [kind, new Map()]))
  let events = new Map()
  let told = new Map()
  // Changes that come while the lists are being read; undefined when they have been.
  let early = []

  const replace = (kind, items) => objects.set(kind, new Map(items.map((item) => [item.metadata.name, item])))
  const change = (type, object) => {
    if (type === 'DELETED') objects.get(object.kind).delete(object.metadata.name)
    else objects.get(object.kind).set(object.metadata.name, object)
  }
  /** The daemon counts an event that comes again, and puts it at the end. */
  const note = (event) => {
    const key = JSON.stringify([event.object, event.type, event.reason, event.message])
    told.delete(key)
    told.set(key, event)
    if (told.size > EVENTS_KEPT) told.delete(told.keys().next().value)
  }

  return {
    all: (kind) => [...objects.get(kind).values()],
    /** The newest first. */
    events: () => [...events.values()].reverse(),
    replace,
    /** A stream begins: what it says counts once the lists have been read. Until then the old ones stay. */
    begin: () => {
      early = []
      told = new Map()
    },
    /** Takes a message of the stream. */
    take: (type, data) => {
      if (type === 'EVENT') note(data)
      else if (early === undefined) change(type, data)
      else early.push([type, data])
    },
    /** Takes the lists, read after the stream had begun: so nothing falls between, and what came meanwhile is newer. */
    settle: (lists) => {
      for (const [kind, items] of lists) replace(kind, items)
      for (const [type, object] of early ?? []) change(type, object)
      early = undefined
      events = told
    },
  }
}
