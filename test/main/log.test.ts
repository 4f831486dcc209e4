import t from 'tap'
import { createLog } from '../../src/main/log.ts'

/** Lines on standard error while `act` logs. */
const logged = (format: 'json' | 'pretty', act: (log: ReturnType<typeof createLog>) => void): readonly string[] => {
  const lines: string[] = []
  const capture = t.capture(process.stderr, 'write', (text: unknown) => lines.push(String(text)) > 0)
  act(createLog({ format, level: 'info' }))
  capture.restore()
  return lines
}

void t.test('a line is a line, whatever its values hold', (t) => {
  const [line, ...more] = logged('pretty', (log) => {
    log.info('step failed', { error: 'a\n12:00:00.000 error forged\u001b[2J\u202e\u2028', list: ['b\n'] })
  })
  t.same(more, [])
  t.match(
    line,
    /^\d\d:\d\d:\d\d\.\d{3} info {2}step failed error=a \| 12:00:00\.000 error forged\ufffd\[2J\ufffd\ufffd list=\["b\\n"\]\n$/,
  )
  t.end()
})

void t.test('nor do the controls after ASCII come through, deep within or not', (t) => {
  for (const form of ['json', 'pretty'] as const) {
    const [line, ...more] = logged(form, (log) => {
      log.info('asked', {
        name: 'a\u009b2J',
        objects: ['x\u009b2J\u007f', 'r\u202el', 's\u2028'],
        exec: { program: ['\u009b2J'], copy: 1, none: null, ['k\u2066']: 'tab\there' },
      })
    })
    t.same(more, [])
    for (const part of ['a\ufffd2J', 'x\ufffd2J\ufffd', 'r\ufffdl', 's\ufffd', 'k\ufffd', 'tab\\there'])
      t.ok(line?.includes(part), `${form}: ${part} in ${String(line)}`)
    t.notMatch(line, /[\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}]/u, form)
  }
  t.end()
})

void t.test('errors are told by their messages', (t) => {
  const [line] = logged('json', (log) => {
    log.warn('broke', { error: new TypeError('no such thing'), key: 'x' })
  })
  t.match(JSON.parse(line ?? ''), { level: 'warn', message: 'broke', error: 'no such thing', key: 'x' })
  t.end()
})

void t.test('what is less important than asked for is left out', (t) => {
  t.same(
    logged('json', (log) => {
      log.debug('detail')
    }),
    [],
  )
  t.end()
})
