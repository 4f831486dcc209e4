import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { type IncomingMessage, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { apiRoot } from '../../src/api/paths.ts'
import { safeFileName } from '../../src/api/upload.ts'
import { startApi } from '../support/api-server.ts'
import { ask, formOf } from '../support/http.ts'
import { until } from '../support/until.ts'

const bytes = Buffer.from('PK a package')
const path = `${apiRoot}/packages`

t.test('a package arrives raw or as a form', async (t) => {
  const { where, directory, log } = await startApi(t)
  const raw = await ask(where, `${path}?name=fire%20wall.son`, { method: 'POST', body: bytes })
  t.equal(raw.status, 201, raw.text)
  const sha1 = createHash('sha1').update(bytes).digest('hex')
  t.match(raw.json(), { kind: 'Package', spec: { file: 'fire-wall.son', size: bytes.length, sha1 } })
  const form = await ask(where, path, { method: 'POST', ...formOf('package', 'x.son', bytes) })
  t.match(form.json(), { spec: { file: 'x.son', sha1 } })
  t.same(await readdir(join(directory, 'uploads')), [], 'no temporary file stays')
  t.match(log.lines[0], { fields: { upload: { file: 'fire-wall.son' }, objects: ['Package/fire-wall'], status: 201 } })
})

t.test('what is refused leaves nothing behind', async (t) => {
  const { where, directory } = await startApi(t, { limits: { packageBytes: 1000 } })
  const large = Buffer.concat([bytes, Buffer.alloc(1000)])
  const cases = [
    [await ask(where, path, { method: 'POST', body: 'no zip' }), 422, 'INVALID'],
    [await ask(where, path, { method: 'POST' }), 400, 'BAD_REQUEST'],
    [await ask(where, path, { method: 'POST', body: large }), 413, 'TOO_LARGE'],
    [
      await ask(where, path, { method: 'POST', body: large, headers: { 'transfer-encoding': 'chunked' } }),
      413,
      'TOO_LARGE',
    ],
    [await ask(where, path, { method: 'POST', body: Buffer.alloc(200_000) }), 413, 'TOO_LARGE'],
    [await ask(where, path, { method: 'POST', ...formOf('package', 'x.son', large) }), 413, 'TOO_LARGE'],
    [await ask(where, path, { method: 'POST', ...formOf('package', 'x.son', Buffer.alloc(0)) }), 400, 'BAD_REQUEST'],
    [
      await ask(where, path, { method: 'POST', body: 'x', headers: { 'content-type': 'multipart/form-data' } }),
      400,
      'BAD_REQUEST',
    ],
  ] as const
  for (const [answer, status, code] of cases) {
    t.equal(answer.status, status, answer.text)
    t.match(answer.json(), { error: { code, next: /.+/ } })
  }
  t.same(await readdir(join(directory, 'uploads')), [])
  t.equal((await ask(where, '/healthz')).status, 200)
})

t.test('what a killed daemon was receiving is cleared at the next start, and nothing else', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sond-uploads-'))
  t.teardown(() => rm(directory, { recursive: true }))
  for (const name of [`upload-${randomUUID()}`, `upload-${randomUUID()}`, 'upload-notes', `my-upload-${randomUUID()}`])
    await writeFile(join(directory, name), 'PK')
  await startApi(t, { uploadDirectory: directory })
  t.match((await readdir(directory)).sort(), [/^my-upload-/, 'upload-notes'])
})

t.test('a disk that takes no upload is told, with what to do', async (t) => {
  const { where, directory } = await startApi(t)
  // A file where the folder shall be refuses every write, for root too.
  await writeFile(join(directory, 'uploads'), '')
  for (const upload of [{ body: bytes }, formOf('package', 'x.son', bytes)]) {
    const answer = await ask(where, path, { method: 'POST', ...upload })
    t.equal(answer.status, 503, answer.text)
    t.match(answer.json(), { error: { code: 'UNAVAILABLE', message: /uploads: E\w+/, next: /make room/ } })
  }
  await rm(join(directory, 'uploads'))
  t.equal((await ask(where, path, { method: 'POST', body: bytes })).status, 201)
  // A file system that takes no new file.
  const full = await startApi(t, { uploadDirectory: '/proc/self' })
  t.equal((await ask(full.where, path, { method: 'POST', body: bytes })).status, 503)
})

t.test('an upload that stalls ends', async (t) => {
  const { where, directory } = await startApi(t, { limits: { receiveMs: 100 } })
  const { request } = await import('node:http')
  const stalled = request({ ...where, path, method: 'POST', headers: { 'content-length': 100 } })
  const ended = new Promise((resolve) => {
    stalled.once('error', resolve)
    stalled.once('response', (answer) => {
      answer.resume().once('close', resolve)
    })
  })
  stalled.write('PK')
  await ended
  stalled.destroy()
  await until('the temporary file is gone', async () => (await readdir(join(directory, 'uploads'))).length === 0)
})

t.test('so does a form that stalls before or after its file', async (t) => {
  const { where, directory } = await startApi(t, { limits: { receiveMs: 100 } })
  const file = '--b\r\ncontent-disposition: form-data; name="package"; filename="x.son"\r\n\r\nPK'
  const field = '--b\r\ncontent-disposition: form-data; name="a"\r\n\r\nhalf'
  for (const begun of ['', '--b\r\ncontent-dispo', field, `${file}\r\n${field}`]) {
    const headers = { 'content-type': 'multipart/form-data; boundary=b', 'content-length': 1000 }
    const stalled = request({ ...where, path, method: 'POST', headers })
    const ended = new Promise((resolve) => {
      stalled.once('close', resolve).on('error', () => undefined)
      stalled.once('response', (answer) => answer.resume())
    })
    stalled.flushHeaders()
    if (begun !== '') stalled.write(begun)
    await ended
  }
  await until('the temporary files are gone', async () => (await readdir(join(directory, 'uploads'))).length === 0)
})

t.test('names for uploaded files', async (t) => {
  const sha = 'abcdef0123456789'
  for (const [given, expected] of [
    ['a.son', 'a.son'],
    ['A.B-c_d.TGO', 'A.B-c_d.tgo'],
    ['a.zip', 'a.zip.son'],
    ['', 'package-abcdef012345.son'],
    ['.son', 'package-abcdef012345.son'],
    ['../../etc/passwd', 'passwd.son'],
    ['..\\..\\x.son', 'x.son'],
    ['.hidden.son', 'hidden.son'],
    ['-rf.son', 'rf.son'],
    ['a b\u0001;$(x).son', 'a-b-x-.son'],
    ['___', 'package-abcdef012345.son'],
    [`${'x'.repeat(300)}.son`, `${'x'.repeat(100)}.son`],
  ] as const) {
    t.equal(safeFileName(given, sha), expected, given)
  }
})

t.test('who asks before sending a body is told to send it only when it is going to be read', async (t) => {
  const { where } = await startApi(t, { listeners: ['tcp:127.0.0.1:0'], token: 'a-token-that-is-long-enough' })
  const announce = async (length: number, token: string): Promise<readonly [boolean, number | undefined]> => {
    const sent = request({
      ...where,
      method: 'POST',
      path,
      headers: { expect: '100-continue', 'content-length': length, authorization: `Bearer ${token}` },
    })
    let isAsked = false
    sent.on('continue', () => {
      isAsked = true
      sent.end(bytes)
    })
    sent.flushHeaders()
    const [response] = (await once(sent, 'response')) as [IncomingMessage] // node:http, event 'response'
    response.resume()
    sent.destroy()
    return [isAsked, response.statusCode]
  }
  t.same(await announce(bytes.length, 'a-token-that-is-long-enough'), [true, 201])
  t.same(await announce(bytes.length, 'a-wrong-token-of-some-length'), [false, 401])
  t.same(await announce(600 * 1024 * 1024, 'a-token-that-is-long-enough'), [false, 413])
})
