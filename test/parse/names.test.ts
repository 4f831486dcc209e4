import fc from 'fast-check'
import t from 'tap'
import { parseInterfaceName } from '../../src/model/names.ts'
import { cleanInterfaceName, nameInterfaces } from '../../src/parse/interface-name.ts'
import { parsePackageRef } from '../../src/parse/package-ref.ts'
import { didYouMean, nearest } from '../../src/parse/suggest.ts'

t.test('an id becomes a kernel name, the same for declarations and references', (t) => {
  const rows: Readonly<Record<string, string | undefined>> = {
    input: 'input',
    'S1-MME': 'S1-MME',
    in_put: 'in-put',
    'a:b.c d': 'a-b-c-d',
    'vnf:input': 'input',
    'vnf:': 'vnf-',
    eth0: 'eth0',
    'x;touch y': undefined,
    'a/b': undefined,
    üp: undefined,
    '': undefined,
    ['a'.repeat(300)]: undefined,
  }
  for (const [id, name] of Object.entries(rows)) t.equal(cleanInterfaceName(id), name, JSON.stringify(id))
  t.end()
})

t.test('a name that is too long or not free is short, stable and different for each id', (t) => {
  const long = cleanInterfaceName('a-very-long-interface-name-for-the-input')
  t.match(long, /^a-very-lon-[a-z2-7]{4}$/)
  t.equal(cleanInterfaceName('a-very-long-interface-name-for-the-input'), long)
  t.not(cleanInterfaceName('a-very-long-interface-name-for-the-output'), long)
  t.match(cleanInterfaceName('lo'), /^lo-[a-z2-7]{4}$/)
  t.match(cleanInterfaceName('..'), /^if-[a-z2-7]{4}$/)
  t.end()
})

const namesOf = (...ids: string[]): ReadonlyMap<string, string> =>
  new Map(nameInterfaces(ids.map((id) => ({ id }))).map(({ id, name }) => [id, name]))

t.test('ids that clean to one name get different ones; who needs no cleaning keeps his', (t) => {
  const names = namesOf('in_put', 'in.put', 'in-put', 'bad;id', 'vnf:in-put')
  t.equal(names.get('in-put'), 'in-put')
  for (const id of ['in_put', 'in.put']) t.match(names.get(id), /^in-put-[a-z2-7]{4}$/)
  t.equal(new Set(names.values()).size, 4)
  t.notOk(names.has('bad;id'))
  t.strictSame(
    [...namesOf('b_b', 'a')],
    [
      ['b_b', 'b-b'],
      ['a', 'a'],
    ],
    'in the order of the ids',
  )
  t.end()
})

t.test('every id gives a kernel name or nothing, and no two ids of a container share one', (t) => {
  const id = fc.string({ unit: fc.constantFrom(...Array.from('ab1-_.: ;'), 'vnf:'), minLength: 1, maxLength: 30 })
  fc.assert(
    fc.property(fc.uniqueArray(id, { maxLength: 12 }), (ids) => {
      const names = [...namesOf(...ids).values()]
      return names.every((name) => parseInterfaceName(name) === name) && new Set(names).size === names.length
    }),
  )
  t.end()
})

t.test('a package is named by name, vendor, version, digest or file', (t) => {
  const digest = `sha256:${'0a'.repeat(32)}`
  t.strictSame(parsePackageRef('demo'), { by: 'name', name: 'demo' })
  t.strictSame(parsePackageRef('eu.sonata/demo'), { by: 'name', vendor: 'eu.sonata', name: 'demo' })
  t.strictSame(parsePackageRef('demo:1.0'), { by: 'name', name: 'demo', version: '1.0' })
  t.strictSame(parsePackageRef('eu/demo:1.0'), { by: 'name', vendor: 'eu', name: 'demo', version: '1.0' })
  t.strictSame(parsePackageRef(digest.toUpperCase().replace('SHA', 'sha')), { by: 'digest', digest })
  t.strictSame(parsePackageRef('demo.0.1.son'), { by: 'file', file: 'demo.0.1.son' })
  t.strictSame(parsePackageRef('demo.TGO'), { by: 'file', file: 'demo.TGO' })
  for (const text of ['', 'a/b/c', 'a:b:c', '/a', 'a:', 'a b', 'sha256:12', 'x'.repeat(200)]) {
    t.equal(parsePackageRef(text), undefined, text)
  }
  t.end()
})

t.test('the nearest word is suggested, a far one is not', (t) => {
  const words = ['replicas', 'suspend', 'state', 'E-Line']
  t.equal(nearest('replica', words), 'replicas')
  t.equal(nearest('relpicas', words), 'replicas')
  t.equal(nearest('E_LINE', words), 'E-Line')
  t.equal(nearest('colour', words), undefined)
  t.equal(nearest('x'.repeat(100), ['x'.repeat(100)]), undefined)
  t.equal(nearest('xxxx', ['x'.repeat(100)]), undefined)
  t.equal(nearest('state', [...Array.from({ length: 200 }, () => 'other'), 'state']), undefined, 'not among the first')
  t.equal(didYouMean('sate', words), '; did you mean "state"?')
  t.equal(didYouMean('colour', words), '')
  t.end()
})
