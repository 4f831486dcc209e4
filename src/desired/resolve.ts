import type { DesiredContainer } from '../model/desired.ts'
import type { BridgeName, DataCenterName, InterfaceName } from '../model/names.ts'
import type { EndReference, ServiceDescriptor } from '../model/package.ts'
import { type Sap, meansPoint } from './access-points.ts'
import type { UnitTemplate } from './containers.ts'

/** A unit of one copy, with the containers that have a place; none when it can't be started. */
export interface Unit {
  readonly copy: number
  readonly template: UnitTemplate
  readonly dataCenter: DataCenterName | undefined
  readonly containers: readonly DesiredContainer[]
  /** Why it has no container, or fewer than asked for. */
  readonly problem?: string
}

/** The switch of an external SAP in one copy. */
export interface ExternalSap {
  readonly copy: number
  readonly sap: Sap
  readonly bridge: BridgeName
  readonly dataCenter: DataCenterName | undefined
}

/** What a reference of a link means. */
export type End =
  | { readonly kind: 'interface'; readonly unit: Unit; readonly name: InterfaceName; readonly declared: string }
  | { readonly kind: 'external'; readonly external: ExternalSap }
  | { readonly kind: 'missing'; readonly why: string }

export interface Copy {
  readonly copy: number
  readonly units: readonly Unit[]
  readonly saps: readonly PlacedSap[]
}

/** A SAP as it is made in one copy: a container, or a switch of its own. */
export type PlacedSap =
  | { readonly kind: 'unit'; readonly sap: Sap; readonly unit: Unit }
  | { readonly kind: 'external'; readonly sap: Sap; readonly external: ExternalSap }

export const externalsOf = (copy: Copy): readonly ExternalSap[] =>
  copy.saps.flatMap((item) => (item.kind === 'external' ? [item.external] : []))

const quoted = (texts: readonly string[]): string => (texts.length === 0 ? 'none' : texts.join(', '))

const interfaceOf = (unit: Unit, name: string): End | undefined => {
  const found = unit.template.interfaces.find((item) => item.name === name)
  return found === undefined ? undefined : { kind: 'interface', unit, name: found.name, declared: found.declared }
}

const sapEnd = (copy: Copy, raw: string): End | undefined => {
  const placed = copy.saps.find((item) => meansPoint(raw, item.sap.point))
  if (placed === undefined) return undefined
  return placed.kind === 'external'
    ? { kind: 'external', external: placed.external }
    : interfaceOf(placed.unit, placed.sap.point.interfaceName)
}

/** Of a link of the NSD: function x with interface y, else the SAP `x_y`. */
export const resolveEnd = (copy: Copy, service: ServiceDescriptor, reference: EndReference): End => {
  const units = copy.units.filter((item) => item.template.role === 'vnf' && item.template.vnf === reference.owner)
  for (const unit of units) {
    const end = interfaceOf(unit, reference.interface)
    if (end !== undefined) return end
  }
  const sap = sapEnd(copy, reference.raw)
  if (sap !== undefined) return sap
  if (units.length > 0) {
    const names = units.flatMap((unit) => unit.template.interfaces.map((item) => item.declared))
    return {
      kind: 'missing',
      why: `${reference.owner} has no interface ${reference.interface} (it has ${quoted(names)})`,
    }
  }
  if (service.accessPoints.some((point) => meansPoint(reference.raw, point))) {
    return { kind: 'missing', why: `no SAP is made for ${reference.raw}` }
  }
  const known = [
    ...new Set(copy.units.map((unit) => unit.template.vnf)),
    ...service.accessPoints.map((point) => point.id),
  ]
  return {
    kind: 'missing',
    why: `${reference.raw} names no function and no connection point (there are ${quoted(known)})`,
  }
}

/** Of a link inside a VNF: unit x with interface y, or an interface of any unit. */
export const resolveInner = (units: readonly Unit[], reference: EndReference): End => {
  const named = units.filter((unit) => unit.template.unitId === reference.owner)
  for (const unit of named.length > 0 ? named : units) {
    const end = interfaceOf(unit, reference.interface)
    if (end !== undefined) return end
  }
  return { kind: 'missing', why: `no unit has the interface ${reference.raw}` }
}
