import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { Test } from 'tap'
import type { TestEngines } from './engines.ts'
import type { Place } from './reach.ts'

const execute = promisify(execFile)

/** The world beyond the host, as a network namespace: it knows the host's address and none of a service. */
export interface Outside {
  readonly place: Place
  /** Its address, and the host's address towards it. */
  readonly address: string
  readonly hostAddress: string
}

/** Joins a namespace of the test's own to that of the engines; removed after the test. */
export const createOutside = async (t: Test, engines: TestEngines): Promise<Outside> => {
  const name = `out-${process.pid}`
  const [address, hostAddress] = ['192.0.2.2', '192.0.2.1'] // RFC 5737
  const run = (...args: readonly string[]) => execute('ip', args)
  await run('netns', 'add', name)
  t.teardown(() => run('netns', 'del', name))
  await run('-n', name, 'link', 'add', 'up0', 'type', 'veth', 'peer', 'name', 'world0', 'netns', engines.netns.name)
  await run('-n', name, 'addr', 'add', `${address}/24`, 'dev', 'up0')
  await run('-n', name, 'link', 'set', 'up0', 'up')
  await run('-n', engines.netns.name, 'addr', 'add', `${hostAddress}/24`, 'dev', 'world0')
  await run('-n', engines.netns.name, 'link', 'set', 'world0', 'up')
  return { place: ['ip', 'netns', 'exec', name], address, hostAddress }
}
