import type { DesiredTrunk } from '../../model/desired.ts'
import { EngineError } from '../../model/errors.ts'
import type { PortName } from '../../model/names.ts'
import { shaperFor, type Shaper, type Shaping } from '../../model/shaping.ts'
import { parseDevices, type Marks } from './devices.ts'
import type { IpTool } from './ip.ts'

/** Trunks: veth pairs between two switches, both ends in the switches' namespace, shaped by the kernel's queueing. */
export interface TrunkMaker {
  readonly create: (trunk: DesiredTrunk) => Promise<void>
  readonly shape: (trunk: DesiredTrunk) => Promise<void>
}

/** Delay, jitter, loss and rate (tc-netem(8)). */
export const netemArguments = (shaping: Shaping): readonly string[] => {
  const { bandwidthBitsPerSecond: rate = 0, delayMs: delay = 0, jitterMs: jitter = 0, lossPercent: loss = 0 } = shaping
  // The queue holds what is on its way: the packets of one delay at the full rate, 1500 bytes each, and some more.
  const inFlight = Math.ceil(((rate === 0 ? 10e9 : rate) / 8 / 1500) * ((delay + jitter) / 1000))
  return [
    'netem',
    ...['limit', String(Math.min(1000 + inFlight, 1_000_000))],
    ...(delay > 0 || jitter > 0 ? ['delay', `${delay}ms`, ...(jitter > 0 ? [`${jitter}ms`] : [])] : []),
    ...(loss > 0 ? ['loss', `${loss}%`] : []),
    ...(rate > 0 ? ['rate', `${Math.round(rate)}bit`] : []),
  ]
}

/** Bandwidth alone, where the kernel has no netem: a bucket of 10 ms, at least one large segment (tc-tbf(8)). */
export const tbfArguments = (bitsPerSecond: number): readonly string[] => {
  const burst = Math.max(65_536, Math.ceil(bitsPerSecond / 8 / 100))
  return ['tbf', 'rate', `${Math.round(bitsPerSecond)}bit`, 'burst', String(burst), 'latency', '50ms']
}

export const createTrunkMaker = (options: {
  readonly ip: IpTool
  readonly marks: Marks
  readonly shapers: () => Promise<ReadonlySet<Shaper>>
  remove(port: PortName): Promise<void>
  onMade(port: PortName): void
}): TrunkMaker => {
  const { ip, marks } = options

  const shapeEnd = async (port: PortName, shaping: Shaping, shaper: Shaper | undefined): Promise<void> => {
    if (shaper === undefined) {
      const { code, stderr } = await ip.run('tc', ['qdisc', 'del', 'dev', port, 'root'])
      // What tc says of a device that has only the queue every device has.
      if (code === 0 || /handle of zero|Invalid handle|No such file/.test(stderr)) return
      throw new EngineError('REFUSED', { port, error: stderr.trim() })
    }
    const way = shaper === 'netem' ? netemArguments(shaping) : tbfArguments(shaping.bandwidthBitsPerSecond ?? 0)
    const { code, stderr } = await ip.run('tc', ['qdisc', 'replace', 'dev', port, 'root', ...way])
    if (code !== 0) throw new EngineError('REFUSED', { port, error: stderr.trim() })
  }

  const shape: TrunkMaker['shape'] = async ({ ends, shaping }) => {
    const shaper = shaperFor(shaping, await options.shapers())
    for (const end of ends) await shapeEnd(end.port, shaping, shaper)
  }

  return {
    shape,
    async create(trunk) {
      const [a, b] = trunk.ends.map((end) => end.port)
      if (a === undefined || b === undefined) return
      const devices = parseDevices(await ip.must('ip', ['-j', 'link', 'show']))
      const there = devices.filter((device) => device.ifname === a || device.ifname === b)
      for (const device of there)
        if (!marks.isOurs(device))
          throw new EngineError('CONFLICT', { device: device.ifname, holder: 'a network device without our mark' })
      const paired = there.length === 2 && there.every((device) => device.link === a || device.link === b)
      if (!paired) {
        for (const device of there) await options.remove(device.ifname === a ? a : b)
        const { errors } = await ip.batch([
          `link add name ${a} group ${marks.group} type veth peer name ${b} group ${marks.group}`,
        ])
        if (errors[0] !== undefined) throw new EngineError('REFUSED', { port: a, error: errors[0] })
      }
      const { errors } = await ip.batch([a, b].map((port) => `link set dev ${port} alias ${marks.alias(undefined)} up`))
      const error = errors.find((one) => one !== undefined)
      if (error !== undefined) throw new EngineError('REFUSED', { port: a, error })
      for (const port of [a, b]) options.onMade(port)
      await shape(trunk)
    },
  }
}
