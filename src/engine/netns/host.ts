import { z } from 'zod'
import { EngineError } from '../../model/errors.ts'
import { parseCidr, type BridgeName, type Cidr, type InterfaceName, type Owner } from '../../model/names.ts'
import { ipv4Of, parseDevices } from './devices.ts'
import type { IpTool } from './ip.ts'

/** Addresses of bridges' own devices, routes, and Docker's interface in a container. */
export interface Host {
  readonly addresses: (bridges: readonly BridgeName[]) => Promise<ReadonlyMap<BridgeName, readonly string[]>>
  readonly setAddress: (bridge: BridgeName, address: Cidr | undefined) => Promise<void>
  readonly routes: () => Promise<readonly { readonly subnet: Cidr; readonly device: string }[]>
  readonly renameManagement: (pid: number, name: InterfaceName) => Promise<void>
}

const routeSchema = z.array(
  z.object({
    dst: z.string(),
    dev: z.string().optional(),
    gateway: z.string().optional(),
    scope: z.string().optional(),
  }),
)

/** Alias of a bridge's device that has an address of ours: its subnet is no reason to keep that subnet free. */
const addressedAlias = (owner: Owner): string => `sond-bridge:${owner}`

export const createHost = (ip: IpTool, owner: Owner): Host => {
  const failure = (details: Readonly<Record<string, string>>, stderr: string): EngineError =>
    new EngineError(/Cannot find device|does not exist/.test(stderr) ? 'NOT_FOUND' : 'REFUSED', {
      ...details,
      error: stderr.trim(),
    })

  const inside = async (pid: number, ...command: readonly string[]) => {
    const [result] = await ip.inside([{ pid, command }])
    return result ?? { code: -1, stdout: '', stderr: '' }
  }

  return {
    async addresses(bridges) {
      if (bridges.length === 0) return new Map()
      const devices = parseDevices(await ip.must('ip', ['-j', '-4', 'addr', 'show']))
      const byName = new Map(devices.map((device) => [device.ifname, ipv4Of(device)]))
      return new Map(bridges.map((bridge) => [bridge, byName.get(bridge) ?? []]))
    },
    async setAddress(bridge, address) {
      const shown = await ip.run('ip', ['-j', '-4', 'addr', 'show', 'dev', bridge])
      if (shown.code !== 0) {
        if (address === undefined) return // gone, and its address with it
        throw failure({ bridge }, shown.stderr)
      }
      const present = parseDevices(shown.stdout).flatMap(ipv4Of)
      const { errors } = await ip.batch([
        ...present.filter((one) => one !== address).map((one) => `addr del ${one} dev ${bridge}`),
        ...(address === undefined
          ? []
          : [
              `link set dev ${bridge} alias ${addressedAlias(owner)} up`,
              ...(present.includes(address) ? [] : [`addr add ${address} brd + dev ${bridge}`]),
            ]),
      ])
      const error = errors.find((one) => one !== undefined)
      if (error !== undefined) throw failure({ bridge }, error)
    },
    async routes() {
      const [routes, devices] = await Promise.all([
        ip.must('ip', ['-j', '-4', 'route', 'show', 'table', 'all']),
        ip.must('ip', ['-j', 'link', 'show']),
      ])
      const ours = new Set(
        parseDevices(devices)
          .filter((device) => device.ifalias === addressedAlias(owner))
          .map((device) => device.ifname),
      )
      const parsed = routes.trim() === '' ? [] : routeSchema.parse(JSON.parse(routes))
      return parsed.flatMap(({ dst, dev = '' }) => {
        const subnet = parseCidr(dst.includes('/') ? dst : `${dst}/32`)
        return subnet === undefined || ours.has(dev) || dev === 'lo' ? [] : [{ subnet, device: dev }]
      })
    },
    async renameManagement(pid, name) {
      const old = 'eth0' // Docker's name for the first of its own interfaces
      if (name === old || (await inside(pid, 'ip', 'link', 'show', 'dev', name)).code === 0) return
      const live = await inside(pid, 'ip', 'link', 'set', 'dev', old, 'name', name)
      if (live.code === 0) return
      if (!/busy/i.test(live.stderr)) throw failure({ interface: name }, live.stderr)
      // Kernels before 6.2 rename only what is down; going down drops the routes.
      const { stdout } = await inside(pid, 'ip', '-j', '-4', 'route', 'show', 'dev', old)
      const routes = stdout.trim() === '' ? [] : routeSchema.parse(JSON.parse(stdout))
      await inside(pid, 'ip', 'link', 'set', 'dev', old, 'down')
      const renamed = await inside(pid, 'ip', 'link', 'set', 'dev', old, 'name', name)
      await inside(pid, 'ip', 'link', 'set', 'dev', renamed.code === 0 ? name : old, 'up')
      if (renamed.code !== 0) throw failure({ interface: name }, renamed.stderr)
      for (const { dst, gateway } of routes)
        if (gateway !== undefined) await inside(pid, 'ip', 'route', 'replace', dst, 'via', gateway, 'dev', name)
    },
  }
}
