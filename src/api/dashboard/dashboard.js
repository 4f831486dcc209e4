// The page: reads what there is, follows the stream of changes, draws. It knows nothing that the API does not say.
import * as api from './api.js'
import { h, redraw } from './elements.js'
import { createStore } from './store.js'
import { eventsView, instanceView, packagesView, refusedFilesView, topologyView } from './views.js'

const EVENTS_SHOWN = 200
const LONGEST_PAUSE_MS = 10_000
// Files and packages are not in the stream, and readiness is no object.
const LOOK_AGAIN_MS = 5000

const $ = (id) => document.getElementById(id)

const kinds = Object.keys(api.paths)
const store = createStore(kinds)
const { all } = store

const tell = (text, tone) => {
  const box = $('outcome')
  box.textContent = text
  box.className = `notice ${tone}`
  box.hidden = false
}

const askToken = (message) => {
  api.forgetToken()
  $('main').hidden = true
  $('token-form').hidden = false
  $('forget').hidden = true
  $('connection').textContent = message
  $('token').focus()
}

/** Does it, and says how it ended. */
const attempt = async (doing, done) => {
  try {
    tell(done(await doing()), 'good')
    await lookAgain()
    return true
  } catch (error) {
    tell(error.message, 'bad')
    return false
  }
}

const confirmed = (question, detail, answer) => {
  const dialog = $('confirm')
  $('confirm-question').textContent = question
  $('confirm-detail').textContent = detail
  $('confirm-yes').textContent = answer
  dialog.returnValue = 'no'
  dialog.showModal()
  return new Promise((resolve) =>
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }),
  )
}

const onInstance = async (verb, { metadata: { name, source } }) => {
  if (verb === 'delete') {
    const detail = `It is taken out of ${source}; its containers and links go. Traffic through it ends.`
    if (!(await confirmed(`Delete the instance ${name}?`, detail, 'Delete it'))) return
    await attempt(
      () => api.remove('ServiceInstance', name),
      ({ file }) => `The instance ${name} is no longer in ${file}.`,
    )
    return
  }
  const suspend = verb === 'suspend'
  const detail = `It goes on running as it is, but nothing of it is healed or changed. ${source} is edited.`
  if (suspend && !(await confirmed(`Suspend the instance ${name}?`, detail, 'Suspend it'))) return
  await attempt(
    () => api.suspend(name, suspend),
    ({ file }) => `${file}: ${name} is ${suspend ? 'suspended' : 'looked after again'}.`,
  )
}

const onPackage = async (_verb, { metadata, spec, status }) => {
  const users = status.instances.length === 0 ? 'No instance uses it.' : `Used by ${status.instances.join(', ')}.`
  if (!(await confirmed(`Delete the package file ${spec.file}?`, users, 'Delete it'))) return
  await attempt(
    () => api.remove('Package', metadata.name),
    ({ file }) => `${file} is gone.`,
  )
}

const drawOptions = () => {
  const select = $('package')
  const refs = all('Package').map(({ spec }) => `${spec.vendor}/${spec.name}:${spec.version}`)
  const chosen = select.value
  if (refs.join('\n') === [...select.options].map(({ value }) => value).join('\n')) return
  select.replaceChildren(...refs.map((ref) => h('option', { value: ref }, ref)))
  if (refs.includes(chosen)) select.value = chosen
}

const draw = () => {
  const none = (text) => h('p', { class: 'dim' }, text)
  const instances = all('ServiceInstance').toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  const refused = all('File').filter(({ status }) => !status.accepted)
  const topology = [...all('DataCenter'), ...all('Link')]
  redraw($('files'), ...refusedFilesView(refused))
  $('refused').hidden = refused.length === 0
  redraw(
    $('instances'),
    ...(instances.length === 0 ? [none('There are none.')] : instances.map((each) => instanceView(each, onInstance))),
  )
  const packages = all('Package')
  redraw($('packages'), packages.length === 0 ? none('There are none.') : packagesView(packages, onPackage))
  redraw($('topology'), topologyView(topology))
  $('topology-section').hidden = topology.length === 0
  const newest = store.events().slice(0, EVENTS_SHOWN)
  redraw($('events'), newest.length === 0 ? none('Nothing has happened yet.') : eventsView(newest))
  drawOptions()
}

let drawing = false
/** Many changes, one drawing. A hidden page is drawn when it is looked at. */
const drawSoon = () => {
  if (drawing) return
  drawing = true
  requestAnimationFrame(() => {
    drawing = false
    draw()
  })
}

const lookAgain = async () => {
  const [files, packages] = await Promise.all([api.list('File'), api.list('Package')])
  const seen = JSON.stringify([all('File'), all('Package')])
  store.replace('File', files)
  store.replace('Package', packages)
  if (JSON.stringify([all('File'), all('Package')]) !== seen) drawSoon()
}

const showReadiness = async () => {
  const line = $('readiness')
  try {
    const { ready, message } = await api.readiness()
    const text = ready ? 'The daemon is ready.' : `The daemon is ${message}`
    if (line.textContent !== text) line.textContent = text
    line.className = ready ? 'good' : 'bad'
  } catch {
    line.textContent = 'The daemon does not answer.'
    line.className = 'bad'
  }
}

const readAll = async () => {
  store.settle(await Promise.all(kinds.map(async (kind) => [kind, await api.list(kind)])))
  $('version').textContent = (await api.read('/version')).version
  $('main').hidden = false
  $('token-form').hidden = true
  $('forget').hidden = !api.hasToken()
  $('connection').textContent = 'Changes show as they come.'
  drawSoon()
}

const followOnce = async () => {
  const stop = new AbortController()
  store.begin()
  await api.watch((type, data) => {
    // What can't be read ends the stream too, and both are tried again.
    if (type === 'SYNC') readAll().catch((error) => stop.abort(error))
    else store.take(type, data)
    drawSoon()
  }, stop.signal)
}

let pause = 500
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

let following = false

const follow = async () => {
  if (following) return
  following = true
  while (following) {
    const begun = Date.now()
    try {
      await followOnce()
    } catch (error) {
      if (error.status === 401) {
        askToken(api.hasToken() ? 'The token is wrong.' : 'The daemon asks for its token.')
        following = false
        return
      }
      if (error.status !== undefined) tell(error.message, 'bad')
    }
    $('connection').textContent = 'The connection is lost; what you see is old. Trying again ...'
    pause = Date.now() - begun > LONGEST_PAUSE_MS ? 500 : Math.min(LONGEST_PAUSE_MS, pause * 2)
    await wait(pause)
  }
}

$('token-form').addEventListener('submit', (event) => {
  event.preventDefault()
  api.keepToken($('token').value.trim())
  $('token').value = ''
  void follow()
})
$('forget').addEventListener('click', () => {
  api.forgetToken()
  location.reload()
})
$('upload-form').addEventListener('submit', async (event) => {
  event.preventDefault()
  const [file] = $('file').files
  const done = await attempt(
    () => api.upload(file),
    ({ spec }) => `${spec.vendor}/${spec.name}:${spec.version} is in ${spec.file}.`,
  )
  if (done) event.target.reset()
})
$('instantiate-form').addEventListener('submit', async (event) => {
  event.preventDefault()
  const done = await attempt(
    () => api.instantiate($('name').value, $('package').value, $('replicas').value),
    ({ name, file, action }) => `${file}: the instance ${name} is ${action}.`,
  )
  if (done) $('name').value = ''
})

setInterval(() => {
  if (document.hidden) return
  void showReadiness()
  // What fails here fails in the stream too, which tells.
  if (!$('main').hidden) lookAgain().catch(() => undefined)
}, LOOK_AGAIN_MS)
void showReadiness()
void follow()
