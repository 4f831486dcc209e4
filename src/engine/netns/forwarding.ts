import { parseBridgeName, type BridgeName, type Owner } from '../../model/names.ts'
import { EngineError } from '../../model/errors.ts'
import type { IpTool } from './ip.ts'

/**
 * Lets frames of external SAPs through the host. Docker sets the policy of the FORWARD chain to DROP, and so do firewalls that are made of
 * iptables rules; an `accept` in a table of our own would not help, because a packet must pass every table. So the rules
 * stand in FORWARD itself, before all others, each with a comment that says whose it is. Where iptables is not installed, nothing of it
 * can drop anything.
 */
export interface Forwarding {
  /** SAPs that have a rule of ours; undefined where there is no iptables: then no passage is needed. */
  readonly list: () => Promise<readonly Passage[] | undefined>
  /** The kernel drops what it should pass on while it does not forward. */
  readonly isOn: () => Promise<boolean>
  readonly open: (bridge: BridgeName, subnet: string) => Promise<void>
  readonly close: (bridge: BridgeName, subnet: string) => Promise<void>
}

interface Passage {
  readonly bridge: BridgeName
  readonly subnet: string
  readonly isWhole: boolean
}

type Way = 'out' | 'back'
const ways: readonly Way[] = ['out', 'back']

const markOf = (owner: Owner, bridge: string, subnet: string): string => `sond:${owner}:${bridge}:${subnet}`

/** What a rule matches: everything on the way out, and what answers it on the way back. */
const ruleOf = (owner: Owner, way: Way, bridge: string, subnet: string): readonly string[] => [
  ...(way === 'out'
    ? ['-i', bridge, '-s', subnet]
    : ['-o', bridge, '-d', subnet, '-m', 'conntrack', '--ctstate', 'RELATED,ESTABLISHED']),
  ...['-m', 'comment', '--comment', markOf(owner, bridge, subnet), '-j', 'ACCEPT'],
]

interface Rule {
  readonly way: Way
  readonly bridge: BridgeName
  readonly subnet: string
}

/** Our rules among those that `iptables -S FORWARD` prints. */
export const parseForwardRules = (owner: Owner, text: string): readonly Rule[] =>
  text.split('\n').flatMap((line): Rule[] => {
    const [, of = '', name = '', subnet = ''] = /--comment "?sond:([^:"\s]+):([^:"\s]+):([\d./]+)"?/.exec(line) ?? []
    const bridge = parseBridgeName(name)
    if (of !== owner || bridge === undefined || !line.startsWith('-A FORWARD ')) return []
    return [{ way: line.includes(` -i ${name} `) ? 'out' : 'back', bridge, subnet }]
  })

export const createForwarding = (ip: IpTool, owner: Owner): Forwarding => {
  // Another program may be at work on the tables: wait for it, seconds.
  const iptables = (...args: readonly string[]) => ip.run('iptables', ['-w', '5', ...args])

  const read = async (): Promise<string | undefined> => {
    try {
      const { code, stdout } = await iptables('-S', 'FORWARD')
      return code === 0 ? stdout : undefined
    } catch (error) {
      if (error instanceof EngineError && error.code === 'UNAVAILABLE') return undefined // not installed
      throw error
    }
  }

  const rules = async (): Promise<readonly Rule[]> => parseForwardRules(owner, (await read()) ?? '')

  const must = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await iptables(...args)
    if (code !== 0) throw new EngineError('REFUSED', { program: 'iptables', error: stderr.trim() })
  }

  const of = (all: readonly Rule[], bridge: string, subnet: string): readonly Rule[] =>
    all.filter((rule) => rule.bridge === bridge && rule.subnet === subnet)

  return {
    isOn: async () => (await ip.must('cat', ['/proc/sys/net/ipv4/ip_forward'])).trim() === '1',
    list: async () => {
      const text = await read()
      if (text === undefined) return undefined
      const all = parseForwardRules(owner, text)
      const whole = (bridge: string, subnet: string): boolean =>
        ways.every((way) => of(all, bridge, subnet).some((rule) => rule.way === way))
      const seen = new Map(all.map((rule) => [markOf(owner, rule.bridge, rule.subnet), rule]))
      return [...seen.values()].map(({ bridge, subnet }) => ({ bridge, subnet, isWhole: whole(bridge, subnet) }))
    },
    open: async (bridge, subnet) => {
      await ip.must('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1'])
      const text = await read()
      if (text === undefined) return
      const there = of(parseForwardRules(owner, text), bridge, subnet)
      for (const way of ways) {
        if (!there.some((rule) => rule.way === way))
          await must('-I', 'FORWARD', '1', ...ruleOf(owner, way, bridge, subnet))
      }
    },
    close: async (bridge, subnet) => {
      for (const { way } of of(await rules(), bridge, subnet))
        await must('-D', 'FORWARD', ...ruleOf(owner, way, bridge, subnet))
    },
  }
}
