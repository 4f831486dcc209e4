import { externalIds, labels } from '../../src/model/ownership.ts'
import { makeCookie } from '../../src/model/cookie.ts'
import type {
  DesiredBridge,
  DesiredContainer,
  DesiredFlow,
  DesiredInterface,
  DesiredState,
} from '../../src/model/desired.ts'
import {
  must,
  parseBridgeName,
  parseCidr,
  parseContainerName,
  parseImageRef,
  parseInterfaceName,
  parseLinkId,
  parseMacAddress,
  parseObjectName,
  parseOwner,
  parsePortName,
  parseVnfId,
} from '../../src/model/names.ts'

/** Names and desired objects for tests, with defaults for all that a test does not care about. */

const maker =
  <T>(parse: (text: string) => T | undefined) =>
  (text: string): T =>
    must(parse(text), text)

export const name = {
  object: maker(parseObjectName),
  container: maker(parseContainerName),
  interface: maker(parseInterfaceName),
  image: maker(parseImageRef),
  bridge: maker(parseBridgeName),
  port: maker(parsePortName),
  cidr: maker(parseCidr),
  mac: maker(parseMacAddress),
  link: maker(parseLinkId),
  vnf: maker(parseVnfId),
  owner: maker(parseOwner),
}

export interface BuildContext {
  readonly owner: string
  readonly instance: string
  /** The instance's number in cookies. */
  readonly cookie: number
}

/** Makes desired objects of one instance. */
export const builder = (context: BuildContext) => {
  const { owner, instance, cookie } = context

  const container = (vnf: string, more: Partial<DesiredContainer> = {}): DesiredContainer => {
    const key = { instance: name.object(instance), copy: 0, vnf: name.vnf(vnf), vdu: '', replica: 0 }
    const dataCenter = name.object('dc1')
    const specHash = more.specHash ?? 'v1:1'
    return {
      ...key,
      name: name.container(`${owner}.${instance}.0.${vnf}.0`),
      role: 'vnf',
      dataCenter,
      hostname: vnf,
      image: name.image('img:1'),
      imageSource: { kind: 'pull', force: false },
      env: { VNF_NAME: vnf },
      limits: { cpuset: '', cpuPeriod: 1_000_000, cpuQuota: 0, memoryBytes: 0 },
      volumes: [],
      network: { kind: 'none' },
      privileged: false,
      labels: {
        [labels.owner]: owner,
        [labels.instance]: instance,
        [labels.copy]: '0',
        [labels.vnf]: vnf,
        [labels.replica]: '0',
        [labels.dataCenter]: dataCenter,
        [labels.role]: 'vnf',
        [labels.specHash]: specHash,
      },
      specHash,
      ...more,
    }
  }

  const marks = (more: Readonly<Record<string, string>> = {}): Record<string, string> => ({
    [externalIds.owner]: owner,
    [externalIds.instance]: instance,
    [externalIds.cookie]: String(cookie),
    ...more,
  })

  /** `port` is at most 15 characters; the MAC is derived from it. */
  const wire = (
    of: DesiredContainer,
    inner: string,
    port: string,
    bridge: string,
    more: Partial<DesiredInterface> = {},
  ): DesiredInterface => {
    const digits = Buffer.from(port).reduce((sum, byte) => (sum * 31 + byte) % 0xffffff, 7)
    const mac = `02:00:00:${digits
      .toString(16)
      .padStart(6, '0')
      .replace(/(..)(..)(..)/, '$1:$2:$3')}`
    return {
      container: of.name,
      name: name.interface(inner),
      mac: name.mac(mac),
      port: name.port(port),
      bridge: name.bridge(bridge),
      externalIds: marks({
        [externalIds.vnf]: of.vnf,
        [externalIds.interface]: inner,
        ...(more.address === undefined ? {} : { [externalIds.address]: more.address }),
      }),
      ...more,
    }
  }

  const flow = (
    from: string,
    to: string,
    bridge: string,
    link = 'link',
    more: Partial<DesiredFlow> = {},
  ): DesiredFlow => ({
    bridge: name.bridge(bridge),
    cookie: makeCookie(cookie, 1),
    priority: 10,
    match: `in_port=${from}`,
    actions: `output:${to}`,
    copy: 0,
    link: name.link(link),
    needs: [name.port(from), name.port(to)],
    ...more,
  })

  /** A data center's switch. */
  const bridge = (bridgeName: string, more: Partial<DesiredBridge> = {}): DesiredBridge => ({
    name: name.bridge(bridgeName),
    role: 'datacenter',
    dataCenter: name.object('dc1'),
    externalIds: { [externalIds.owner]: owner, [externalIds.dataCenter]: 'dc1' },
    ...more,
  })

  /** The switch of an external SAP. */
  const sapBridge = (bridgeName: string, address: string, nat?: string): DesiredBridge => ({
    name: name.bridge(bridgeName),
    role: 'sap',
    dataCenter: name.object('dc1'),
    instance: name.object(instance),
    externalIds: marks({ [externalIds.role]: 'sap' }),
    address: name.cidr(address),
    ...(nat === undefined ? {} : { nat: name.cidr(nat) }),
  })

  const state = (more: Partial<DesiredState> = {}): DesiredState => ({
    scope: { kind: 'instance', instance: name.object(instance) },
    bridges: [],
    containers: [],
    interfaces: [],
    patches: [],
    trunks: [],
    flows: [],
    ...more,
  })

  return { container, wire, flow, bridge, sapBridge, state, marks }
}
