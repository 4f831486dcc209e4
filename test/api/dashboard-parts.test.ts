// The parts of the page that need no browser: where things stand in the picture, what colours mean, what the stream changes.
import fc from 'fast-check'
import t from 'tap'

const load = async (name: string): Promise<unknown> =>
  // import() of a computed address gives any.
  (await import(new URL(`../../src/api/dashboard/${name}`, import.meta.url).href)) as unknown

interface Point {
  readonly x: number
  readonly y: number
}
interface Edge {
  readonly key: string
  readonly lan: boolean
  readonly ends: readonly string[]
}
interface Places {
  readonly width: number
  readonly height: number
  readonly corners: ReadonlyMap<string, Point>
  readonly hubs: ReadonlyMap<string, Point>
}
interface Node {
  readonly key: string
  readonly sap: boolean
}

// The page's files are plain JavaScript without types: these are the shapes that its comments promise.
const { layOut, BOX } = (await load('layout.js')) as {
  layOut: (nodes: readonly Node[], links: readonly Edge[]) => Places
  BOX: { width: number; height: number }
}
const { stateOf } = (await load('state.js')) as { stateOf: (object: unknown) => { tone: string; word: string } } // as above
interface Named {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly note?: string
}
// As above.
const { createStore } = (await load('store.js')) as {
  createStore: (kinds: readonly string[]) => {
    all: (kind: string) => Named[]
    events: () => { reason: string; count: number }[]
    begin: () => void
    take: (type: string, data: unknown) => void
    settle: (lists: readonly (readonly [string, readonly Named[]])[]) => void
  }
}

const node = (key: string): Node => ({ key, sap: false })
const line = (...ends: string[]): Edge => ({ key: ends.join('-'), lan: false, ends })

t.test('a chain stands in a row, in its order, whatever the order of its functions', async (t) => {
  const { corners } = layOut(['b', 'c', 'a'].map(node), [line('c', 'b'), line('a', 'b')])
  const columns = ['a', 'b', 'c'].map((key) => corners.get(key)?.x ?? 0)
  t.same([...columns].sort((x, y) => x - y).indexOf(columns[1] ?? 0), 1, 'the firewall is in the middle')
  t.equal(new Set([...corners.values()].map(({ y }) => y)).size, 1)
})

t.test('a LAN has a hub below its members', async (t) => {
  const places = layOut(['a', 'b', 'c'].map(node), [{ key: 'lan', lan: true, ends: ['a', 'b', 'c'] }])
  t.equal(places.hubs.get('lan')?.x, (places.corners.get('b')?.x ?? 0) + BOX.width / 2)
  t.ok([...places.corners.values()].every(({ y }) => y + BOX.height < (places.hubs.get('lan')?.y ?? 0)))
})

t.test('whatever the graph: no box lies on another, and all lie in the picture', async (t) => {
  const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
  const edge = fc.record({ lan: fc.boolean(), ends: fc.uniqueArray(fc.constantFrom(...keys), { maxLength: 4 }) })
  const holds = fc.property(
    fc.array(edge, { maxLength: 8 }),
    fc.integer({ min: 0, max: keys.length }),
    (edges, count) => {
      const present = keys.slice(0, count)
      const links = edges.map((each, index) => ({
        ...each,
        key: `l${index}`,
        ends: each.ends.filter((end) => present.includes(end)),
      }))
      const { width, height, corners, hubs } = layOut(present.map(node), links)
      const all = [...corners.values()]
      if (all.length !== present.length) return false
      for (const [index, { x, y }] of all.entries()) {
        if (x < 0 || y < 0 || x + BOX.width > width || y + BOX.height > height) return false
        for (const other of all.slice(index + 1)) {
          if (Math.abs(other.x - x) < BOX.width && Math.abs(other.y - y) < BOX.height) return false
        }
      }
      return [...hubs.values()].every(({ x, y }) => x > 0 && x < width && y > 0 && y < height)
    },
  )
  t.doesNotThrow(() => fc.assert(holds, { numRuns: 200 }))
})

t.test('a word and a colour for each state', async (t) => {
  const instance = (
    conditions: Record<string, string>,
    rest: { spec?: object; seen?: number; going?: true; reason?: string } = {},
  ) => ({
    metadata: { generation: 2, ...(rest.going === undefined ? {} : { deletionTimestamp: 'now' }) },
    spec: rest.spec ?? {},
    status: {
      observedGeneration: rest.seen ?? 2,
      conditions: Object.entries(conditions).map(([type, status]) => ({ type, status, reason: rest.reason ?? '' })),
    },
  })
  const cases: readonly [object, string, string][] = [
    [instance({ Ready: 'True' }), 'good', 'ready'],
    [instance({ Ready: 'False' }, { reason: 'Stopped' }), 'good', 'stopped'],
    [instance({ Ready: 'True' }, { seen: 1 }), 'wait', 'being changed'],
    [instance({ Ready: 'False', Reconciling: 'True' }), 'wait', 'being changed'],
    [instance({ Ready: 'False' }), 'bad', 'not ready'],
    [instance({ Ready: 'True', Accepted: 'False' }), 'bad', 'refused'],
    [instance({ Ready: 'True', Accepted: 'False' }, { reason: 'FileMissing' }), 'bad', 'held'],
    [instance({ Ready: 'False', Stalled: 'True' }), 'bad', 'stalled'],
    [instance({ Ready: 'True' }, { spec: { suspend: true } }), 'wait', 'suspended'],
    [instance({ Ready: 'True' }, { going: true }), 'wait', 'going away'],
  ]
  for (const [object, tone, word] of cases) t.same(stateOf(object), { tone, word }, word)
})

t.test('changes that come while the lists are read are newer than they', async (t) => {
  const store = createStore(['Instance'])
  const object = (name: string, note: string): Named => ({ kind: 'Instance', metadata: { name }, note })
  const told = (): unknown[] => store.all('Instance').map(({ metadata, note }) => [metadata.name, note])
  store.begin()
  store.take('MODIFIED', object('a', 'new'))
  store.take('DELETED', object('b', 'old'))
  t.same(told(), [])
  store.settle([['Instance', [object('a', 'old'), object('b', 'old')]]])
  t.same(told(), [['a', 'new']])
  store.take('ADDED', object('c', 'new'))
  t.same(told().length, 2)
  store.begin()
  t.same(told().length, 2, 'what was known stays while the connection is made again')
  store.settle([['Instance', []]])
  t.same(told(), [])
})

t.test('an event that comes again is one event, and the newest', async (t) => {
  const store = createStore([])
  const tell = (reason: string, count: number): void =>
    store.take('EVENT', { object: 'instance/a', type: 'Normal', reason, message: '', count })
  store.begin()
  tell('Ready', 1)
  tell('Drifted', 1)
  store.settle([])
  tell('Ready', 2)
  t.same(
    store.events().map(({ reason, count }) => [reason, count]),
    [
      ['Ready', 2],
      ['Drifted', 1],
    ],
  )
  for (let index = 0; index < 1500; index += 1) tell(`Reason${index}`, 1)
  t.equal(store.events().length, 1000)
})
