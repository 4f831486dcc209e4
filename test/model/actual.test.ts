import t from 'tap'
import { codeOfEnd } from '../../src/model/actual.ts'

void t.test('the end of a run tells its code, and memory when that was the reason', (t) => {
  const limits = { cpuset: '', cpuPeriod: 0, cpuQuota: 0, memoryBytes: 0 }
  const limited = { ...limits, memoryBytes: 16 << 20 }
  t.equal(codeOfEnd({ exitCode: 137, limits }), 'code 137')
  t.equal(
    codeOfEnd({ exitCode: 137, outOfMemory: true, limits }),
    'code 137 (out of memory, without a limit of its own)',
  )
  t.equal(
    codeOfEnd({ exitCode: 137, outOfMemory: true, limits: limited }),
    'code 137 (out of memory, its limit is 16 MiB)',
  )
  t.end()
})
