// Fields of a ServiceInstance that say what is done, by what the loop does to engines in memory.
import { buildManifest } from '../support/service.ts'
import type { Field, Fields } from '../support/switches.ts'
import type { TestLoop } from './world.ts'

export const loopFields: readonly Field<TestLoop>[] = [
  {
    field: 'package',
    specs: [{}, { package: 'pair' }],
    look: (loop) => loop.running(),
    expect: [
      ['sond.demo.0.f1.0', 'sond.demo.0.f2.0', 'sond.demo.0.f3.0'],
      ['sond.demo.0.f1.0', 'sond.demo.0.f2.0'],
    ],
  },
  {
    field: 'state',
    specs: [{}, { state: 'Stopped' }],
    look: (loop) => loop.running().length,
    expect: [3, 0],
  },
  {
    field: 'suspend',
    specs: [{}, { suspend: true }],
    look: async (loop) => {
      loop.hands.kill('sond.demo.0.f2.0')
      await loop.settled()
      return loop.running().length
    },
    expect: [3, 2],
  },
  {
    field: 'driftMode',
    specs: [{}, { driftMode: 'Warn' }],
    look: async (loop) => {
      loop.hands.kill('sond.demo.0.f2.0')
      await loop.settled()
      return [loop.running().length, loop.condition('demo', 'Drifted')?.status]
    },
    expect: [
      [3, 'False'],
      [2, 'True'],
    ],
  },
]

export const manifestOf = (spec: Fields): string => buildManifest('demo', 'chain', spec)
