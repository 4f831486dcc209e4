import type { Test } from 'tap'
import { buildManifest, chainSketch } from '../support/service.ts'
import { startLoop, type TestLoop } from './world.ts'

/** A chain of three functions of which the middle one has three replicas, and what is to be said of it while one of them fails. */

export const chain = chainSketch('chain', 3, 'img:1')
export const scaled = (spec: Readonly<Record<string, unknown>> = {}): string =>
  buildManifest('demo', 'chain', { functions: [{ vnfId: 'f2', replicas: 3, ...spec }] })
export const replica = (number: number): string => `sond.demo.0.f2.${number}`
export const neighbours = ['sond.demo.0.f1.0', 'sond.demo.0.f3.0']
export const moment = /next (?:try|start) at 2026-01-01T/

export const statusOf = (loop: TestLoop) => {
  const status = loop.board.status(loop.files.name('demo'))
  if (status === undefined) throw new Error('no status')
  return status
}

export const problems = (loop: TestLoop): Readonly<Record<string, string>> =>
  Object.fromEntries(
    statusOf(loop).functions.flatMap(({ vnfId, copy, replica, problem }) =>
      problem === undefined ? [] : [[`${copy}/${vnfId}/${replica}`, problem]],
    ),
  )

export const portsOf = (loop: TestLoop, number: number): readonly string[] =>
  statusOf(loop).functions.flatMap(({ vnfId, replica, interfaces }) =>
    vnfId === 'f2' && replica === number ? interfaces.map(({ switchPort }) => switchPort) : [],
  )

/** Replicas that new connections go to, from either neighbour. */
export const servingFrom = async (loop: TestLoop): Promise<readonly string[]> => {
  const { flows } = await loop.engines.switches.observe({}, [])
  const numbers = new Map([0, 1, 2].flatMap((number) => portsOf(loop, number).map((port) => [port, number] as const)))
  return flows
    .flatMap(({ match, actions }) => (match.startsWith('in_port=') ? (/members:([^)]*)/.exec(actions)?.[1] ?? []) : []))
    .map((list) =>
      list
        .split(',')
        .map((port) => numbers.get(port) ?? '?')
        .join(),
    )
}

export const idsOf = (loop: TestLoop, names: readonly string[]): readonly (string | undefined)[] =>
  names.map((name) => loop.world.containers.get(name)?.id)

export const start = async (t: Test, prepare: (loop: TestLoop) => void = () => undefined): Promise<TestLoop> => {
  const loop = await startLoop(t)
  await loop.files.onboard(chain)
  prepare(loop)
  loop.files.apply(scaled())
  await loop.settled()
  return loop
}

/** Told as one that fails: which, why, and when it is tried again; the chain goes by the others. */
export const failsAlone = async (t: Test, loop: TestLoop, says: RegExp): Promise<void> => {
  t.same(await servingFrom(loop), ['0,2', '0,2'], 'connections go by the others, both ways')
  t.same(
    statusOf(loop).links.map(({ chained }) => chained),
    [true, true],
  )
  t.match(loop.told('demo'), /^False .*(sond\.demo\.0\.f2\.1|of replica 1)/)
  const stalled = loop.condition('demo', 'Stalled')
  t.match(stalled, { status: 'True', message: says })
  t.match(stalled?.message, moment)
  t.ok(
    Object.keys(problems(loop)).every((one) => one === '0/f2/1'),
    'no other is blamed',
  )
}

export const comesBack = async (t: Test, loop: TestLoop): Promise<void> => {
  await loop.pass(310_000)
  t.equal(loop.told('demo'), 'Ready')
  t.same(problems(loop), {})
  t.same(await servingFrom(loop), ['0,1,2', '0,1,2'])
  t.equal(loop.condition('demo', 'Stalled')?.status, 'False')
}
