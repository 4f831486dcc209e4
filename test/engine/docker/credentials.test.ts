import { chmod, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import process from 'node:process'
import t from 'tap'
import { credentialsFrom, registryOf } from '../../../src/engine/docker/credentials.ts'
import { imageRef } from './subject.ts'

t.test('the registry of an image', async (t) => {
  const hub = 'https://index.docker.io/v1/'
  for (const [image, registry] of Object.entries({
    busybox: hub,
    'sonatanfv/son-emu-sap': hub,
    'docker.io/library/busybox:1': hub,
    'registry.example/fw:2': 'registry.example',
    'localhost/fw': 'localhost',
    'host:5000/fw': 'host:5000',
  })) {
    t.equal(registryOf(image), registry, image)
  }
})

t.test('credentials from Docker’s settings', async (t) => {
  const dir = t.testdir({})
  const file = join(dir, 'config.json')
  const source = credentialsFrom(file)
  const credentials = (image: Parameters<typeof source>[0]) => source(image, new AbortController().signal)
  const basic = (login: string) => Buffer.from(login).toString('base64')
  t.equal(await credentials(imageRef('busybox')), undefined, 'no file')
  await writeFile(file, '{')
  t.equal(await credentials(imageRef('busybox')), undefined, 'a damaged file')
  await writeFile(
    file,
    JSON.stringify({
      auths: {
        'https://index.docker.io/v1/': { auth: basic('me:pass:word') },
        'https://registry.example': { auth: basic('you:secret') },
        'token.example': { auth: basic('00000000:'), identitytoken: 'tok' },
        'empty.example': {},
      },
      credHelpers: { 'helped.example': 'sondtest' },
    }),
  )
  t.same(await credentials(imageRef('busybox')), {
    username: 'me',
    password: 'pass:word',
    serveraddress: 'https://index.docker.io/v1/',
  })
  t.match(await credentials(imageRef('registry.example/fw:2')), { username: 'you', password: 'secret' })
  t.match(await credentials(imageRef('token.example/fw')), { identitytoken: 'tok', password: '' })
  t.equal(await credentials(imageRef('empty.example/fw')), undefined)
  t.equal(await credentials(imageRef('other.example/fw')), undefined)
  t.equal(await credentials(imageRef('helped.example/fw')), undefined, 'a helper that is not there')

  const helper = join(dir, 'docker-credential-sondtest')
  await writeFile(
    helper,
    '#!/bin/sh\nread -r registry\necho "{\\"Username\\":\\"u\\",\\"Secret\\":\\"for $registry\\"}"\n',
  )
  await chmod(helper, 0o755)
  const path = process.env['PATH'] ?? ''
  process.env['PATH'] = `${dir}:${path}`
  t.teardown(() => (process.env['PATH'] = path))
  t.match(await credentials(imageRef('helped.example/fw')), { username: 'u', password: 'for helped.example' })
})
