import { z } from 'zod'
import type { ObservedNatRule } from '../../model/actual.ts'
import { EngineError } from '../../model/errors.ts'
import { parseBridgeName, type BridgeName, type Owner } from '../../model/names.ts'
import { asOwned, type Owned } from '../../model/ownership.ts'
import { createBatcher, succeeded } from '../batcher.ts'
import { createForwarding } from './forwarding.ts'
import type { IpTool } from './ip.ts'

/**
 * The way of external SAPs' subnets to the outside: masquerading, in an nftables table of our own, forwarding, and a passage through the
 * filter of iptables. A rule is all three together; where one is lacking it says so and is made whole by adding it again.
 */
export interface Nat {
  readonly list: () => Promise<readonly Owned<ObservedNatRule>[]>
  readonly add: (bridge: BridgeName, subnet: string) => Promise<void>
  readonly remove: (rule: ObservedNatRule) => Promise<void>
}

const listSchema = z.object({
  nftables: z.array(z.object({ rule: z.object({ handle: z.number(), comment: z.string().optional() }).optional() })),
})

interface Rule extends Pick<ObservedNatRule, 'bridge' | 'subnet'> {
  readonly handle: number
}

const subnetPattern = /^\d{1,3}(?:\.\d{1,3}){3}\/\d{1,2}$/
const chain = 'postrouting'

/** Identifiers of nftables have letters, digits and `_`; others become `_` and their code, so no two owners share a table. */
export const tableName = (owner: Owner): string =>
  `sond_${owner.replaceAll(/[^A-Za-z0-9]/g, (char) => `_${char.charCodeAt(0).toString(16)}`)}`

const parseComment = (comment: string | undefined): ObservedNatRule | undefined => {
  const [mark, name = '', subnet = ''] = (comment ?? '').split(' ')
  const bridge = parseBridgeName(name)
  return mark !== 'sond' || bridge === undefined || !subnetPattern.test(subnet) ? undefined : { bridge, subnet }
}

/**
 * Our rules in what `nft -j -a list table` prints.
 *
 * @throws EngineError `REFUSED` when the text is not what `nft` prints
 */
export const parseMasquerades = (text: string): readonly Rule[] => {
  try {
    return listSchema.parse(JSON.parse(text)).nftables.flatMap(({ rule }): Rule[] => {
      const marked = parseComment(rule?.comment)
      return rule === undefined || marked === undefined ? [] : [{ ...marked, handle: rule.handle }]
    })
  } catch (cause) {
    throw new EngineError('REFUSED', { program: 'nft', output: text.slice(0, 200) }, { cause })
  }
}

export const createNat = (ip: IpTool, owner: Owner): Nat => {
  const table = tableName(owner)
  const forwarding = createForwarding(ip, owner)

  const masquerades = async (): Promise<readonly Rule[]> => {
    const { code, stdout, stderr } = await ip.run('nft', ['-j', '-a', 'list', 'table', 'ip', table])
    if (code !== 0) {
      if (/No such file or directory|does not exist/.test(stderr)) return []
      throw new EngineError('REFUSED', { program: 'nft', error: stderr.trim() })
    }
    return parseMasquerades(stdout)
  }

  const list = async (): Promise<readonly ObservedNatRule[]> => {
    const [translated, found] = await Promise.all([masquerades(), forwarding.list()])
    const passages = found ?? []
    const keyOf = ({ bridge, subnet }: ObservedNatRule): string => `${bridge} ${subnet}`
    const all = new Map(
      [...translated, ...passages].map(({ bridge, subnet }) => [`${bridge} ${subnet}`, { bridge, subnet }]),
    )
    if (all.size === 0) return []
    const isOn = await forwarding.isOn()
    const whole = new Set(passages.filter(({ isWhole }) => isWhole).map(keyOf))
    const masked = new Set(translated.map(keyOf))
    return [...all].map(([key, rule]) => {
      if (!masked.has(key)) return { ...rule, broken: 'address translation is missing' }
      if (found !== undefined && !whole.has(key))
        return { ...rule, broken: 'the FORWARD chain of iptables has no rule for it' }
      return isOn ? rule : { ...rule, broken: 'the kernel does not forward (net.ipv4.ip_forward)' }
    })
  }

  const matching = (rules: readonly Rule[], { bridge, subnet }: ObservedNatRule): readonly Rule[] =>
    rules.filter((rule) => rule.bridge === bridge && rule.subnet === subnet)

  const apply = async (commands: readonly string[]): Promise<void> => {
    await ip.must('nft', ['-f', '-'], `${commands.join('\n')}\n`)
  }

  const add = async (rule: ObservedNatRule): Promise<void> => {
    if (!subnetPattern.test(rule.subnet)) throw new EngineError('REFUSED', { subnet: rule.subnet, reason: 'not IPv4' })
    await forwarding.open(rule.bridge, rule.subnet)
    if (matching(await masquerades(), rule).length > 0) return
    await apply([
      `add table ip ${table}`,
      `add chain ip ${table} ${chain} { type nat hook postrouting priority srcnat; policy accept; }`,
      `add rule ip ${table} ${chain} ip saddr ${rule.subnet} oifname != "${rule.bridge}" masquerade comment "sond ${rule.bridge} ${rule.subnet}"`,
    ])
  }

  const remove = async (rule: ObservedNatRule): Promise<void> => {
    await forwarding.close(rule.bridge, rule.subnet)
    const rules = await masquerades()
    const doomed = matching(rules, rule)
    if (doomed.length === 0) return
    const last = doomed.length === rules.length
    await apply(
      last
        ? [`delete table ip ${table}`]
        : doomed.map(({ handle }) => `delete rule ip ${table} ${chain} handle ${handle}`),
    )
  }

  // One at a time: each looks at the table before it changes it.
  const queue = createBatcher<() => Promise<void>, undefined>(
    async (items) => {
      for (const item of items) await item()
      return items.map(() => succeeded(undefined))
    },
    () => 'table',
  )

  return {
    list: async () => (await list()).map((rule) => asOwned(rule)),
    add: (bridge, subnet) => queue(() => add({ bridge, subnet })),
    remove: (rule) => queue(() => remove(rule)),
  }
}
