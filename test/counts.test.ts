import t from 'tap'
import { countAssertions } from './counts.ts'

t.test('counts what is in a subtest, not the subtest', async (t) => {
  const counts = countAssertions(
    [
      'TAP version 14',
      '# Subtest: a.test.ts',
      '    # Subtest: outer',
      '        ok 1 - one',
      '        ok 2 - two',
      '        1..2',
      '    ok 1 - outer',
      '    1..1',
      'ok 1 - a.test.ts',
      '1..1',
      '',
    ].join('\n'),
  )
  t.match(counts, { passed: 2, failed: 0, skipped: [], todo: [] })
})

t.test('a failing assertion is one failure, whatever contains it', async (t) => {
  const counts = countAssertions(
    [
      '# Subtest: a.test.ts',
      '    not ok 1 - one',
      '    ok 2 - two',
      '    1..2',
      'not ok 1 - a.test.ts',
      '1..1',
      '',
    ].join('\n'),
  )
  t.match(counts, { passed: 1, failed: 1, failures: [/one/] })
})

t.test('a file that dies after good assertions is a failure', async (t) => {
  const counts = countAssertions(
    ['# Subtest: a.test.ts', '    ok 1 - one', '    1..1', 'not ok 1 - a.test.ts', '1..1', ''].join('\n'),
  )
  t.match(counts, { passed: 1, failed: 1, failures: [/a\.test\.ts/] })
})

t.test('skipped and unfinished tests keep their reasons', async (t) => {
  const counts = countAssertions(['ok 1 - a # SKIP no root', 'not ok 2 - b # TODO later', '1..2', ''].join('\n'))
  t.match(counts, { passed: 0, failed: 0, skipped: [{ reason: 'no root' }], todo: [{ reason: 'later' }] })
})

t.test('bailing out is a failure', async (t) => {
  t.match(countAssertions('ok 1 - a\nBail out! the engine is gone\n'), { failures: [/the engine is gone/] })
})
