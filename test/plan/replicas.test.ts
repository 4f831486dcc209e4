import t from 'tap'
import { flowToHave, portsOfFlow } from '../../src/plan/replicas.ts'
import { builder, name } from '../support/build.ts'

const build = builder({ owner: 'sond', instance: 'demo', cookie: 7 })

const ports = (text: string) => text.split(' ').map(name.port)

const flow = (actions: string, ...replicas: readonly string[]) =>
  build.flow('a', 'b', 'sond-dc1', 'l', { actions, needs: ports('a'), replicas: replicas.map(ports) })

t.test('a flow spreads over the replicas that are there', (t) => {
  const cases: readonly [string, ReturnType<typeof flow>, string, string | undefined][] = [
    ['all there', flow('bundle(x,members:p,q,r)', 'p q r'), '', 'bundle(x,members:p,q,r)'],
    ['the first is gone', flow('bundle(x,members:p,q,r)', 'p q r'), 'p', 'bundle(x,members:q,r)'],
    ['the last is gone', flow('bundle(x,members:p,q,r)', 'p q r'), 'r', 'bundle(x,members:p,q)'],
    ['all but one', flow('bundle(x,members:p,q,r),resubmit(,2)', 'p q r'), 'p r', 'bundle(x,members:q),resubmit(,2)'],
    ['every one', flow('bundle(x,members:p,q)', 'p q'), 'p q', undefined],
    ['to all of them', flow('output:p,output:q,output:r', 'p q r'), 'q', 'output:p,output:r'],
    ['a name that begins like another', flow('output:p,output:pp', 'p pp'), 'p', 'output:pp'],
    ['beside other actions', flow('pop_vlan,output:p,output:q,NORMAL', 'p q'), 'p', 'pop_vlan,output:q,NORMAL'],
    ['no port named', flow('ct(table=1,zone=9)', 'p q'), 'q', 'ct(table=1,zone=9)'],
    ['two lists', flow('output:p,output:q,output:r,output:s', 'p q', 'r s'), 'p s', 'output:q,output:r'],
    ['all of one list', flow('output:p,output:q,output:r', 'p q', 'r'), 'r', undefined],
    ['what it needs is gone', flow('output:p,output:q', 'p q'), 'a', undefined],
  ]
  for (const [title, wanted, gone, actions] of cases) {
    const lost = new Set(gone.split(' '))
    t.equal(flowToHave(wanted, (port) => !lost.has(port))?.actions, actions, title)
  }
  t.strictSame(flowToHave(flow('output:p,output:q', 'p q'), (port) => port !== 'p')?.replicas, [['q']])
  t.end()
})

t.test('a flow without replicas is all or nothing', (t) => {
  const plain = build.flow('a', 'b', 'sond-dc1')
  t.equal(
    flowToHave(plain, () => true),
    plain,
  )
  t.equal(
    flowToHave(plain, (port) => port !== 'b'),
    undefined,
  )
  t.strictSame(portsOfFlow(plain), ['a', 'b'])
  t.end()
})

t.test('every port that a flow names, once', (t) => {
  t.strictSame(portsOfFlow(flow('x', 'p q', 'q a')), ['a', 'p', 'q'])
  t.end()
})
