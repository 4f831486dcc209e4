import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { reachableServers, writeNameFiles } from '../../../src/engine/docker/name-files.ts'

t.test('name servers on loopback are the host’s alone', (t) => {
  const text =
    '# local\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 192.0.2.1\nsearch example.org\noptions edns0\n'
  t.equal(reachableServers(text), '# local\nnameserver 192.0.2.1\nsearch example.org\noptions edns0\n')
  t.equal(reachableServers('nameserver fe80::1%eth0\n'), 'nameserver fe80::1%eth0\n')
  t.equal(reachableServers(''), '')
  t.end()
})

t.test('files that are there are left alone, missing ones written', async (t) => {
  const directory = t.testdir({})
  await writeNameFiles(directory)
  t.match(await readFile(join(directory, 'hosts'), 'utf8'), /^127\.0\.0\.1\tlocalhost$/m)
  t.notMatch(await readFile(join(directory, 'resolv.conf'), 'utf8'), /nameserver 127\./)
  await writeFile(join(directory, 'hosts'), 'mine')
  await writeNameFiles(directory)
  t.equal(await readFile(join(directory, 'hosts'), 'utf8'), 'mine')
  await t.rejects(writeNameFiles(join(directory, 'missing')), { code: 'ENOENT' })
})
