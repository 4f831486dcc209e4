import { EventEmitter } from 'node:events'
import t from 'tap'
import { listenForEnd } from '../../src/main/end.ts'
import { memoryLog } from '../support/log.ts'

const start = () => {
  const events = new EventEmitter()
  const log = memoryLog()
  return { events, log, end: listenForEnd(log, events) }
}

void t.test('a signal asks for the end, at any moment', async (t) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    const { events, end } = start()
    const work = end.unless(new Promise<string>(() => undefined))
    events.emit(signal)
    t.equal(await end.asked, 0, signal)
    t.equal(await work, undefined)
  }
})

void t.test('work that ends first has its result, and its failure', async (t) => {
  const { end } = start()
  t.equal(await end.unless(Promise.resolve('done')), 'done')
  await t.rejects(end.unless(Promise.reject(new Error('no'))), { message: 'no' })
})

void t.test('a rejection that nobody waits for is logged; an exception ends in good order', async (t) => {
  const { events, end, log } = start()
  events.emit('unhandledRejection', new Error('lost'))
  t.match(log.lines.at(-1), { level: 'error', fields: { error: /lost/ } })
  t.equal(await Promise.race([end.asked, Promise.resolve('runs')]), 'runs')
  events.emit('uncaughtException', 'thrown')
  t.equal(await end.asked, 1)
})
