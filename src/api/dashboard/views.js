// Objects of the API as parts of the page. What a button does is handed in.
import { placed } from './api.js'
import { fold, h, table } from './elements.js'
import { picture } from './picture.js'
import { counted, functionName, functionTone, isWrong, linkTone, stateOf } from './state.js'

const toned = (tone, text) => h('span', { class: tone }, text)
const clock = (text) =>
  text === '' ? '' : h('time', { datetime: text, class: 'fixed' }, new Date(text).toLocaleString())

const conditionsTable = ({ status }) =>
  table(
    'Conditions',
    ['Condition', 'Status', 'Reason', 'Message', 'Since'],
    status.conditions.map((each) => [
      each.type,
      toned(isWrong(each) ? 'bad' : '', each.status),
      each.reason,
      each.message,
      clock(each.lastTransitionTime),
    ]),
  )

const interfaceLine = ({ name, declared, address, mac, link }) =>
  [
    declared === undefined ? name : `${name} (${declared})`,
    address ?? 'no address',
    mac,
    link === null ? 'no link' : `on ${link}`,
  ].join('  ')

const functionsTable = ({ functions }) =>
  table(
    'Functions',
    ['Function', 'Copy', 'State', 'Container', 'Restarts', 'Data center', 'Interfaces'],
    functions.map((each) => [
      functionName(each),
      String(each.copy),
      [
        toned(functionTone(each), each.container?.state ?? 'no container'),
        each.problem === undefined ? '' : `\n${each.problem}`,
      ],
      each.container === null
        ? ''
        : `${each.container.name}\n${each.container.id.slice(0, 12)}\n${each.container.image}`,
      String(each.container?.restarts ?? 0),
      each.dataCenter ?? 'none yet',
      each.interfaces.map(interfaceLine).join('\n'),
    ]),
  )

const linksTable = ({ links }) =>
  table(
    'Links',
    ['Link', 'Copy', 'Type', 'Chained', 'Ends', 'Subnet', 'VLAN'],
    links.map((each) => [
      each.id,
      String(each.copy),
      each.type,
      [toned(linkTone(each), each.chained ? 'yes' : 'no'), each.reason === '' ? '' : `: ${each.reason}`],
      each.endpoints.join('\n'),
      each.subnet ?? '',
      each.vlan === null ? '' : String(each.vlan),
    ]),
  )

const sapsTable = ({ saps }) =>
  table(
    'Service access points',
    ['Point', 'Copy', 'Type', 'Data center', 'Address', 'Subnet'],
    saps.map((each) => [
      each.name,
      String(each.copy),
      each.type,
      each.dataCenter ?? 'none yet',
      each.address ?? '',
      each.subnet ?? '',
    ]),
  )

const copiesOf = ({ functions, links, saps }) =>
  [...new Set([...functions, ...links, ...saps].map(({ copy }) => copy))].toSorted((a, b) => a - b)

// More copies than this are still in the tables.
const PICTURES = 8

/** What is wrong, said once: not what follows from it, or was not looked at because of it. */
const troublesOf = ({ status }) => {
  const wrong = status.conditions
    .filter(isWrong)
    .toSorted((a, b) => Number(a.type === 'Stalled') - Number(b.type === 'Stalled'))
  const causes = wrong.filter(({ type, status: seen }) => type !== 'Ready' && seen !== 'Unknown')
  const told = causes.length === 0 ? wrong : causes
  return told.filter(({ message }, index) => told.findIndex((each) => each.message === message) === index)
}

/** `act(verb, instance)` with the verbs suspend, resume and delete. */
export const instanceView = (instance, act) => {
  const { metadata, spec, status } = instance
  const { tone, word } = stateOf(instance)
  const { name } = metadata
  const key = (part) => `instance ${name} ${part}`
  const button = (verb, text, kind) =>
    h(
      'button',
      {
        type: 'button',
        class: kind,
        'data-key': key(verb),
        'aria-label': `${text} ${name}`,
        click: () => act(verb, instance),
      },
      text,
    )
  // A manifest that was never valid is no instance yet: there is nothing to act on.
  const buttons =
    metadata.generation === 0
      ? []
      : [
          spec.suspend === true ? button('resume', 'Resume') : button('suspend', 'Suspend'),
          button('delete', 'Delete', 'bad'),
        ]
  const wrong = troublesOf(instance)
  return h(
    'article',
    { class: tone, 'aria-label': `instance ${name}` },
    h(
      'div',
      { class: 'head' },
      h('h3', {}, name),
      toned(tone, word),
      h('span', { class: 'dim' }, spec.package === '' ? '' : `package ${spec.package}, `, `from ${metadata.source}`),
      h('div', { class: 'actions' }, ...buttons),
    ),
    wrong.length === 0
      ? undefined
      : h(
          'ul',
          { class: 'troubles' },
          ...wrong.map(({ type, reason, message }) => h('li', {}, `${type}: ${reason}: ${message}`)),
        ),
    ...copiesOf(status)
      .slice(0, PICTURES)
      .map((copy) => picture(status, copy)),
    status.functions.length === 0
      ? undefined
      : fold(
          key('details'),
          [
            counted(status.functions.length, 'function'),
            counted(status.links.length, 'link'),
            counted(status.saps.length, 'service access point'),
          ].join(', '),
          functionsTable(status),
          status.links.length === 0 ? undefined : linksTable(status),
          status.saps.length === 0 ? undefined : sapsTable(status),
        ),
    fold(key('conditions'), 'Conditions', conditionsTable(instance)),
  )
}

/** `act('delete', package)`. */
export const packagesView = (packages, act) =>
  table(
    'Packages, the newest last',
    ['Package', 'File', 'Functions', 'Links', 'Used by', ''],
    packages.map((each) => {
      const { spec, status, metadata } = each
      return [
        [`${spec.vendor}/${spec.name}:${spec.version}`, spec.description === '' ? '' : `\n${spec.description}`],
        `${spec.file}\n${spec.digest.slice(0, 19)}…`,
        spec.functions.map(({ vnfId }) => vnfId).join('\n'),
        spec.links.map(({ id, type }) => `${id} (${type})`).join('\n'),
        status.instances.join('\n'),
        h(
          'button',
          {
            type: 'button',
            class: 'bad',
            'data-key': `package ${metadata.name}`,
            'aria-label': `Delete package ${spec.file}`,
            click: () => act('delete', each),
          },
          'Delete',
        ),
      ]
    }),
  )

export const refusedFilesView = (files) =>
  files.map(({ status }) =>
    h(
      'article',
      { class: 'bad', 'aria-label': `file ${status.file}` },
      h('h3', {}, status.file),
      h('ul', { class: 'troubles' }, ...status.diagnostics.map((each) => h('li', {}, placed(each)))),
    ),
  )

export const topologyView = (objects) =>
  table(
    'Data centers and links between them',
    ['Name', 'Kind', 'State', 'Why', 'From'],
    objects.map((each) => {
      const { tone, word } = stateOf(each)
      const why = troublesOf(each).map(({ type, reason, message }) => `${type}: ${reason}: ${message}`)
      return [each.metadata.name, each.kind, toned(tone, word), why.join('\n'), each.metadata.source]
    }),
  )

export const eventsView = (events) =>
  table(
    'Events, the newest first',
    ['Last seen', 'Object', 'Reason', 'Message', 'Count'],
    events.map((each) => [
      clock(each.lastSeen),
      each.object,
      toned(each.type === 'Warning' ? 'bad' : '', each.reason),
      each.message,
      String(each.count),
    ]),
  )
