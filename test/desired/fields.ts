// Fields of a ServiceInstance that change what shall be: what each does, from the text of the manifest on. Those that override a setting
// of the daemon are among the switches; those that concern what is done about it: test/reconcile/fields.ts.
import type { DesireResult } from '../../src/desired/result.ts'
import type { Field } from '../support/switches.ts'

const containersOf = ({ desired }: DesireResult): readonly string[] => desired.containers.map((one): string => one.name)
const one = ({ desired }: DesireResult, vnf: string) => desired.containers.find((container) => container.vnf === vnf)

/** An override of the function `a`. */
const ofA = (more: Readonly<Record<string, unknown>>) => ({ functions: [{ vnfId: 'a', ...more }] })
const cpuOfA = (cpu: Readonly<Record<string, unknown>>) => ofA({ resources: { cpu } })

export const planFields: readonly Field<DesireResult>[] = [
  {
    field: 'replicas',
    specs: [{}, { replicas: 2 }],
    look: containersOf,
    expect: [
      ['sond.demo.0.a.0', 'sond.demo.0.b.0'],
      ['sond.demo.0.a.0', 'sond.demo.0.b.0', 'sond.demo.1.a.0', 'sond.demo.1.b.0'],
    ],
  },
  {
    field: 'functions[].vnfId',
    specs: [{ functions: [{ vnfId: 'a', image: 'x:1' }] }, { functions: [{ vnfId: 'b', image: 'x:1' }] }],
    look: (result) => [one(result, 'a')?.image, one(result, 'b')?.image],
    expect: [
      ['x:1', 'test/b:1'],
      ['test/a:1', 'x:1'],
    ],
  },
  {
    field: 'functions[].replicas',
    specs: [{}, ofA({ replicas: 3 })],
    look: containersOf,
    expect: [
      ['sond.demo.0.a.0', 'sond.demo.0.b.0'],
      ['sond.demo.0.a.0', 'sond.demo.0.a.1', 'sond.demo.0.a.2', 'sond.demo.0.b.0'],
    ],
  },
  {
    field: 'functions[].dataCenter',
    specs: [{}, ofA({ dataCenter: 'dc3' })],
    look: (result) => one(result, 'a')?.dataCenter,
    expect: ['dc1', 'dc3'],
  },
  {
    field: 'functions[].image',
    specs: [{}, ofA({ image: 'another:2' })],
    look: (result) => one(result, 'a')?.image,
    expect: ['test/a:1', 'another:2'],
  },
  {
    field: 'functions[].env',
    specs: [{}, ofA({ env: { MODE: 'a=b' } })],
    look: (result) => one(result, 'a')?.env['MODE'],
    expect: [undefined, 'a=b'],
  },
  {
    field: 'functions[].resources.cpu.cores',
    specs: [{}, cpuOfA({ cores: '0,2' })],
    look: (result) => one(result, 'a')?.limits.cpuset,
    expect: ['', '0,2'],
  },
  {
    field: 'functions[].resources.cpu.vcpus',
    specs: [cpuOfA({ bandwidth: -1, vcpus: 1 }), cpuOfA({ bandwidth: -1, vcpus: 2 })],
    look: ({ usage }) => [...usage].map(([, { cpu }]) => cpu),
    expect: [
      [1, 1],
      [2, 1],
    ],
  },
  {
    field: 'functions[].resources.cpu.bandwidth',
    specs: [{}, cpuOfA({ bandwidth: 0.25 })],
    look: (result) => one(result, 'a')?.limits.cpuQuota,
    expect: [1_000_000, 250_000],
  },
  {
    field: 'functions[].resources.memory',
    specs: [{}, ofA({ resources: { memory: '128MB' } })],
    look: (result) => one(result, 'a')?.limits.memoryBytes,
    expect: [64 * 1024 ** 2, 128 * 1024 ** 2],
  },
  {
    field: 'functions[].privileged',
    specs: [{}, ofA({ privileged: true })],
    look: (result) => one(result, 'a')?.privileged,
    expect: [false, true],
    given: { policy: { privileged: true } },
  },
]
