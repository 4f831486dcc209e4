import type { AnyObject, ApiObjects } from '../../api/backend.ts'
import { conditionsOf } from '../../api/conditions.ts'
import { isDefinable } from '../../api/kinds.ts'
import { formatDiagnostic } from '../../model/diagnostics.ts'
import type { EventRecord } from '../../model/status.ts'
import { ageOf, instanceWord } from './columns.ts'
import { eventRows } from './events.ts'
import { toYaml } from './output.ts'
import { formatTable, printable } from './table.ts'

interface Section {
  readonly title: string
  readonly text: string
}

/** Everything about one object, for reading. */
export const describeObject = (object: AnyObject, events: readonly EventRecord[], now: number): string => {
  const { metadata } = object
  const labels = Object.entries(metadata.labels).map(([key, value]) => `${key}=${value}`)
  const head = [
    ['Name:', metadata.name],
    ['Kind:', object.kind],
    ['Labels:', labels.join(', ') || '<none>'],
    ['File:', metadata.source],
    // Files and packages have none; what was never right has no time either.
    ...(isDefinable(object.kind) && metadata.generation > 0 ? [['Generation:', String(metadata.generation)]] : []),
    ...(metadata.creationTimestamp === ''
      ? []
      : [['Created:', `${metadata.creationTimestamp} (${ageOf(metadata.creationTimestamp, now)} ago)`]]),
    ...(metadata.deletionTimestamp === undefined ? [] : [['Deleted:', metadata.deletionTimestamp]]),
    ...(object.kind === 'ServiceInstance' ? [['Status:', instanceWord(object)]] : []),
  ]
  const sections: readonly Section[] = [
    ...(object.kind === 'File' ? [] : [{ title: 'Spec', text: toYaml(object.spec) }]),
    ...(object.kind === 'File' || object.kind === 'Package' ? [] : [conditions(object, now)]),
    ...details(object),
    {
      title: 'Events',
      text: events.length === 0 ? '<none>\n' : formatTable(eventRows(events, now)),
    },
  ]
  return formatTable(head) + sections.map(({ title, text }) => `${title}:\n${indent(text)}`).join('')
}

const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '  ')

const conditions = (object: AnyObject, now: number): Section => ({
  title: 'Conditions',
  text: formatTable([
    ['TYPE', 'STATUS', 'REASON', 'SINCE', 'MESSAGE'],
    ...conditionsOf(object).map(({ type, status, reason, lastTransitionTime, message }) => [
      type,
      status,
      reason,
      ageOf(lastTransitionTime, now),
      message,
    ]),
  ]),
})

const details = (object: AnyObject): readonly Section[] => {
  switch (object.kind) {
    case 'ServiceInstance':
      return instanceDetails(object)
    case 'Package':
      return [listed('Notices', object.status.notices.map(formatDiagnostic))]
    case 'File':
      return [
        listed('Objects', object.status.objects),
        listed('Diagnostics', object.status.diagnostics.map(formatDiagnostic)),
      ]
    case 'DataCenter':
    case 'Link':
      return []
  }
}

const listed = (title: string, lines: readonly string[]): Section => ({
  title,
  text: lines.length === 0 ? '<none>\n' : lines.map((line) => `${printable(line)}\n`).join(''),
})

const instanceDetails = ({ status }: ApiObjects['ServiceInstance']): readonly Section[] => {
  const sections: Section[] = []
  const add = (title: string, rows: readonly (readonly string[])[]): void => {
    if (rows.length > 1) sections.push({ title, text: formatTable(rows) })
  }
  add('Functions', [
    ['VNF', 'COPY', 'REPLICA', 'STATE', 'RESTARTS', 'IMAGE', 'DATA CENTER', 'CONTAINER', 'PROBLEM'],
    ...status.functions.map(({ vnfId, vdu, copy, replica, container, dataCenter, problem }) => [
      vdu === undefined ? vnfId : `${vnfId}.${vdu}`,
      String(copy),
      String(replica),
      container?.state ?? 'missing',
      String(container?.restarts ?? 0),
      container?.image ?? '-',
      dataCenter ?? '-',
      container?.name ?? '-',
      problem ?? '-',
    ]),
  ])
  add('Interfaces', [
    ['VNF', 'COPY', 'REPLICA', 'NAME', 'ADDRESS', 'MAC', 'SWITCH PORT', 'LINK'],
    ...status.functions.flatMap(({ vnfId, copy, replica, interfaces }) =>
      interfaces.map(({ name, declared, address, mac, switchPort, link }) => [
        vnfId,
        String(copy),
        String(replica),
        declared === undefined ? name : `${name} (${declared})`,
        address ?? '-',
        mac || '-',
        switchPort || '-',
        link ?? '-',
      ]),
    ),
  ])
  add('Links', [
    ['LINK', 'COPY', 'TYPE', 'CHAINED', 'SUBNET', 'VLAN', 'ENDPOINTS', 'REASON'],
    ...status.links.map(({ id, copy, type, chained, subnet, vlan, endpoints, reason }) => [
      id,
      String(copy),
      type,
      chained ? 'True' : 'False',
      subnet ?? '-',
      vlan === null ? '-' : String(vlan),
      endpoints.join(' '),
      reason || '-',
    ]),
  ])
  add('Service access points', [
    ['SAP', 'COPY', 'TYPE', 'DATA CENTER', 'ADDRESS', 'SUBNET'],
    ...status.saps.map(({ name, copy, type, dataCenter, address, subnet }) => [
      name,
      String(copy),
      type,
      dataCenter ?? '-',
      address ?? '-',
      subnet ?? '-',
    ]),
  ])
  return sections
}
