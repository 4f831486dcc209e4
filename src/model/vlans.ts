/**
 * A VLAN id that no frame of ours bears (IEEE 802.1Q reserves it). A port that trunks this one alone takes no part in
 * switched traffic: Open vSwitch reads an empty list as "all VLANs", so "none" must be written as this.
 */
export const sealedVlan = 4095

/** VLAN columns of a switch port: `tag` for an access port, else the VLANs it trunks. */
export interface PortVlans {
  readonly tag?: number
  readonly trunks: readonly number[]
}

/** How the VLANs of a desired port are written on the switch; an observed port shows the same values. */
export const portVlans = (port: { readonly vlan?: number; readonly trunks?: readonly number[] }): PortVlans => {
  if (port.vlan !== undefined) return { tag: port.vlan, trunks: [] }
  const trunks = [...new Set(port.trunks ?? [])].sort((a, b) => a - b)
  return { trunks: trunks.length === 0 ? [sealedVlan] : trunks }
}
