import t from 'tap'
import { cpuDemand, limitsOf } from '../../src/desired/limits.ts'

const gib = 1024 ** 3

t.test('mend: limits of a container on a host of four CPUs', (t) => {
  const cases: readonly [string, Parameters<typeof limitsOf>[1], number | undefined, object, readonly string[]][] = [
    ['nothing asked: one CPU, 2 GB', {}, undefined, { cpuset: '', cpuQuota: 1_000_000, memoryBytes: 2 * gib }, []],
    ['a count pins nothing', { vcpus: 2 }, undefined, { cpuset: '', cpuQuota: 1_000_000 }, []],
    ['a count beyond the host', { vcpus: 8 }, undefined, { cpuset: '', cpuQuota: 1_000_000 }, ['CPU_LIMITED']],
    ['a set', { cores: '0,1' }, undefined, { cpuset: '0,1' }, []],
    ['ranges, blanks, repeats', { cores: ' 2 - 3, 0,2' }, undefined, { cpuset: '0,2,3' }, []],
    ['a set that the host has in part', { cores: '3,4' }, undefined, { cpuset: '3' }, ['CPUSET_LIMITED']],
    ['a set that the host lacks', { cores: '8-9' }, undefined, { cpuset: '' }, ['CPUSET_LIMITED']],
    ['no set', { cores: 'all' }, undefined, { cpuset: '' }, ['CPUSET_IGNORED']],
    ['a range backwards', { cores: '3-1' }, undefined, { cpuset: '' }, ['CPUSET_IGNORED']],
    ['an empty set', { cores: ' ' }, undefined, { cpuset: '' }, []],
    ['a fraction', { bandwidth: 0.07 }, undefined, { cpuQuota: 70_000, cpuPeriod: 1_000_000 }, []],
    ['a tiny fraction', { bandwidth: 0.0001 }, undefined, { cpuQuota: 1000 }, []],
    ['zero is the least, not the most', { bandwidth: 0 }, undefined, { cpuQuota: 1000 }, []],
    ['negative is unlimited', { bandwidth: -1 }, undefined, { cpuQuota: 0 }, []],
    ['more than the host', { bandwidth: 6 }, undefined, { cpuQuota: 4_000_000 }, ['CPU_LIMITED']],
    ['a fraction of memory', {}, 1.5 * gib + 0.5, { memoryBytes: 1.5 * gib }, []],
    ['too little memory', {}, 1, { memoryBytes: 6 * 1024 ** 2 }, ['MEMORY_RAISED']],
  ]
  for (const [title, cpu, memory, expected, codes] of cases) {
    const { limits, notices } = limitsOf('a', cpu, memory, 4)
    t.match(limits, expected, title)
    t.strictSame(
      notices.map((item) => item.code),
      codes,
      title,
    )
  }
  t.end()
})

t.test('what a container counts for', (t) => {
  const of = (cpu: Parameters<typeof limitsOf>[1]): number =>
    cpuDemand(limitsOf('a', cpu, undefined, 4).limits, cpu.vcpus)
  t.equal(of({}), 1)
  t.equal(of({ bandwidth: 0.5, vcpus: 2 }), 0.5)
  t.equal(of({ bandwidth: -1, vcpus: 2 }), 2)
  t.equal(of({ bandwidth: -1 }), 1)
  t.end()
})
