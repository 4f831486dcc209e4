import t from 'tap'
import { hashJson, hashMac, shortHash } from '../../src/desired/hash.ts'
import {
  containerName,
  createNames,
  dataCenterBridge,
  interfacePort,
  linkNumbers,
  resultsPath,
  sapPort,
} from '../../src/desired/identity.ts'
import { name } from '../support/build.ts'

const owner = name.owner('sond')
const unit = { instance: name.object('demo'), copy: 0, vnf: name.vnf('fw'), vdu: '', replica: 0 }

t.test('names of containers and folders', (t) => {
  t.equal(containerName(owner, unit), 'sond.demo.0.fw.0')
  t.equal(containerName(owner, { ...unit, vdu: 'u1', replica: 2 }), 'sond.demo.0.fw.u1.2')
  t.match(containerName(owner, { ...unit, vdu: 'ü/../1' }), /^sond\.demo\.0\.fw\.-----1-[a-z2-7]{6}\.0$/u)
  t.not(containerName(owner, { ...unit, vdu: 'a b' }), containerName(owner, { ...unit, vdu: 'a.b' }))
  t.ok(containerName(owner, { ...unit, vdu: 'x'.repeat(500) }).length < 255)
  t.equal(resultsPath('/r', unit), '/r/demo/0/fw')
  t.equal(resultsPath('/r//', { ...unit, vdu: 'u1', replica: 2 }), '/r/demo/0/fw.u1.2')
  t.end()
})

t.test('bridges', (t) => {
  t.equal(dataCenterBridge(owner, name.object('dc1')), 'sond-dc1')
  t.equal(dataCenterBridge(owner, name.object('dc12345678')), 'sond-dc12345678', 'fifteen characters')
  t.match(dataCenterBridge(owner, name.object('dc123456789')), /^sb[a-z2-7]{12}$/u)
  t.match(dataCenterBridge(name.owner('other'), name.object('dc1')), /^sb[a-z2-7]{12}$/u)
  t.end()
})

t.test('names that are taken get another hash', (t) => {
  const names = createNames<string>()
  const make = (salt: number): string => (salt < 2 ? 'same' : `salt${salt}`)
  t.strictSame([names(make), names(make), names((salt) => `x${salt}`)], ['same', 'salt2', 'x0'])
  t.not(interfacePort(owner, unit, 'in', 0), interfacePort(owner, unit, 'in', 1))
  const sap = (side: 'dc' | 'sap', salt: number) => sapPort(owner, unit.instance, 0, 'ns', name.link('l'), side, salt)
  t.equal(new Set([sap('dc', 0), sap('dc', 1), sap('sap', 0)]).size, 3)
  t.end()
})

t.test('numbers of links do not depend on their order', (t) => {
  const links = ['a', 'b', 'c'].flatMap((id) => [0, 1].map((copy) => ({ copy, link: name.link(id) })))
  const [one, other] = [linkNumbers(links), linkNumbers(links.toReversed())]
  t.strictSame(
    links.map((item) => one(item.copy, item.link)),
    links.map((item) => other(item.copy, item.link)),
  )
  t.equal(new Set(links.map((item) => one(item.copy, item.link))).size, links.length)
  t.equal(one(9, name.link('z')), 0)
  const many = Array.from({ length: 30_000 }, (_, index) => ({ copy: 0, link: name.link(`l${index}`) }))
  const number = linkNumbers(many)
  t.equal(new Set(many.map((item) => number(item.copy, item.link))).size, many.length, 'collisions move on')
  t.end()
})

t.test('hashes', (t) => {
  t.match(shortHash(12, 'a'), /^[a-z2-7]{12}$/u)
  t.not(shortHash(12, 'a', 'bc'), shortHash(12, 'ab', 'c'))
  t.match(hashMac('a'), /^02(:[0-9a-f]{2}){5}$/u)
  t.equal(hashJson({ a: 1, b: [{ c: null, d: undefined }] }), hashJson({ b: [{ c: null }], a: 1 }))
  t.not(hashJson({ a: 1 }), hashJson({ a: '1' }))
  t.end()
})
