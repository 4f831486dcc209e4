import { readdir } from 'node:fs/promises'
import t from 'tap'
import { dashboardPaths } from '../../src/api/dashboard.ts'
import { apiRoot } from '../../src/api/paths.ts'
import { instanceManifest, startApi, whereOf } from '../support/api-server.ts'
import { ask } from '../support/http.ts'

const folder = new URL('../../src/api/dashboard/', import.meta.url)
const token = 'a-token-that-is-long-enough'
const tcp = { listeners: ['tcp:127.0.0.1:0'], token }

const typeOf = (path: string): string =>
  path.endsWith('.js')
    ? 'text/javascript; charset=utf-8'
    : path.endsWith('.css')
      ? 'text/css; charset=utf-8'
      : path.endsWith('.svg')
        ? 'image/svg+xml'
        : 'text/html; charset=utf-8'

t.test('every listener serves the page and all its files', async (t) => {
  const names = (await readdir(folder)).filter((name) => name !== 'index.html')
  t.same([...dashboardPaths].sort(), ['/', ...names.map((name) => `/dashboard/${name}`)].sort())
  const { addresses } = await startApi(t, { token, moreListeners: ['tcp:127.0.0.1:0'] })
  t.equal(addresses.length, 2)
  for (const address of addresses) {
    for (const path of dashboardPaths) {
      const { status, headers, text } = await ask(whereOf(address), path)
      t.equal(status, 200, `${address.kind} ${path}`)
      t.equal(headers['content-type'], typeOf(path))
      t.equal(headers['x-content-type-options'], 'nosniff')
      t.ok(text.length > 100)
    }
  }
})

t.test('a browser runs and loads nothing but these files, and frames nothing', async (t) => {
  const { where } = await startApi(t, tcp)
  for (const path of dashboardPaths) {
    const { headers } = await ask(where, path)
    const policy = String(headers['content-security-policy']).split('; ')
    for (const rule of [
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "connect-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
      "require-trusted-types-for 'script'",
    ]) {
      t.ok(policy.includes(rule), `${path}: ${rule}`)
    }
    t.notMatch(policy.join(), /unsafe|\*|https?:/)
    t.match(headers, { 'x-frame-options': 'DENY', 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' })
  }
})

t.test('the page needs nothing that the policy forbids, and nothing from elsewhere', async (t) => {
  const { where } = await startApi(t, tcp)
  const { text: html } = await ask(where, '/')
  t.notMatch(html, /<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|javascript:/i, 'no inline script or style')
  const referred = [...html.matchAll(/ (?:src|href)="([^"#]+)"/g)].map(([, path = '']) => path)
  t.equal(referred.length, 3)
  for (const path of referred) t.ok(dashboardPaths.has(path), path)
  for (const path of dashboardPaths) {
    const { text } = await ask(where, path)
    t.same(
      [...text.matchAll(/https?:\/\/[^\s'"]*/g)]
        .map(([url]) => url)
        .filter((url) => url !== 'http://www.w3.org/2000/svg'),
      [],
      `${path} names no other place`,
    )
    for (const [, module = ''] of text.matchAll(/^import .* from '\.\/([^']+)'/gm)) {
      t.ok(dashboardPaths.has(`/dashboard/${module}`), `${path} imports ${module}`)
    }
    if (!path.endsWith('.js')) continue
    t.notMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|localStorage|cookie/, path)
  }
  const script = (await ask(where, '/dashboard/dashboard.js')).text
  for (const [, id = ''] of script.matchAll(/\$\('([^']+)'\)/g))
    t.match(html, ` id="${id}"`, `there is an element ${id}`)
})

t.test('without the token there are the files, and nothing that they would show', async (t) => {
  const { where, daemon } = await startApi(t, tcp)
  const bearer = { authorization: `Bearer ${token}` }
  const body = instanceManifest('secret-service')
  t.equal((await ask(where, `${apiRoot}/manifests`, { method: 'POST', headers: bearer, body })).status, 200)
  daemon.tell({ message: 'secret-event' })
  for (const path of dashboardPaths) t.notMatch((await ask(where, path)).text, /secret|1\.2\.3/)
  for (const kind of ['instances', 'packages', 'files', 'datacenters', 'links', 'events', 'events?watch=1']) {
    const { status, text } = await ask(where, `${apiRoot}/${kind}`)
    t.equal(status, 401, kind)
    t.notMatch(text, /secret/)
  }
  t.equal((await ask(where, '/version')).status, 401)
  t.match((await ask(where, `${apiRoot}/instances`, { headers: bearer })).text, /secret-service/)
})

t.test('nothing else of the disk can be had', async (t) => {
  const { where } = await startApi(t)
  const guarded = await startApi(t, tcp)
  for (const path of [
    '/dashboard',
    '/dashboard/',
    '/dashboard/index.html',
    '/dashboard/none.js',
    '/dashboard/../dashboard.ts',
    '/dashboard/..%2fdashboard.ts',
    '/dashboard/%2e%2e%2fdashboard.ts',
    '/dashboard//etc/passwd',
    '/dashboard.js',
    '/dashboard/constructor',
  ]) {
    t.match(await ask(where, path), { status: 404 }, path)
    t.match(await ask(guarded.where, path), { status: 401 }, `${path}, and no word about it without the token`)
  }
  t.match(await ask(where, '/', { method: 'POST' }), { status: 404 })
  t.match((await ask(where, '/dashboard/none.js')).json(), { error: { code: 'NOT_FOUND' } })
})

t.test('another site may link to the page, but not read, run or post to it; a foreign name is refused', async (t) => {
  const { where } = await startApi(t, tcp)
  const foreign = { 'sec-fetch-site': 'cross-site' }
  t.match(await ask(where, '/', { headers: { ...foreign, 'sec-fetch-mode': 'navigate' } }), { status: 200 })
  t.match(await ask(where, '/', { headers: { ...foreign, 'sec-fetch-mode': 'cors' } }), { status: 403 })
  t.match(await ask(where, '/dashboard/dashboard.js', { headers: { ...foreign, 'sec-fetch-mode': 'no-cors' } }), {
    status: 403,
  })
  t.match(await ask(where, '/', { headers: { host: 'evil.example' } }), { status: 403 })
})
