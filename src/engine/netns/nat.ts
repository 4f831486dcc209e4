import { z } from 'zod'
import type { ObservedNatRule } from '../../model/actual.ts'
import { EngineError } from '../../model/errors.ts'
import { parseBridgeName, type BridgeName, type Owner } from '../../model/names.ts'
import { asOwned, type Owned } from '../../model/ownership.ts'
import { createBatcher, succeeded } from '../batcher.ts'
import type { IpTool } from './ip.ts'

/** Masquerading of external SAPs' subnets, in an nftables table of our own: nobody else's rules are read or written. */
export interface Nat {
  readonly list: () => Promise<readonly Owned<ObservedNatRule>[]>
  readonly add: (bridge: BridgeName, subnet: string) => Promise<void>
  readonly remove: (rule: ObservedNatRule) => Promise<void>
}

const listSchema = z.object({
  nftables: z.array(z.object({ rule: z.object({ handle: z.number(), comment: z.string().optional() }).optional() })),
})

interface Rule extends ObservedNatRule {
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

export const createNat = (ip: IpTool, owner: Owner): Nat => {
  const table = tableName(owner)

  const list = async (): Promise<readonly Rule[]> => {
    const { code, stdout, stderr } = await ip.run('nft', ['-j', '-a', 'list', 'table', 'ip', table])
    if (code !== 0) {
      if (/No such file or directory|does not exist/.test(stderr)) return []
      throw new EngineError('REFUSED', { program: 'nft', error: stderr.trim() })
    }
    return listSchema.parse(JSON.parse(stdout)).nftables.flatMap(({ rule }): Rule[] => {
      const marked = parseComment(rule?.comment)
      return rule === undefined || marked === undefined ? [] : [{ ...marked, handle: rule.handle }]
    })
  }

  const matching = (rules: readonly Rule[], { bridge, subnet }: ObservedNatRule): readonly Rule[] =>
    rules.filter((rule) => rule.bridge === bridge && rule.subnet === subnet)

  const apply = async (commands: readonly string[]): Promise<void> => {
    await ip.must('nft', ['-f', '-'], `${commands.join('\n')}\n`)
  }

  const add = async (rule: ObservedNatRule): Promise<void> => {
    if (!subnetPattern.test(rule.subnet)) throw new EngineError('REFUSED', { subnet: rule.subnet, reason: 'not IPv4' })
    if (matching(await list(), rule).length > 0) return
    // Without it the kernel drops what it should pass on to the outside.
    await ip.must('sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1'])
    await apply([
      `add table ip ${table}`,
      `add chain ip ${table} ${chain} { type nat hook postrouting priority srcnat; policy accept; }`,
      `add rule ip ${table} ${chain} ip saddr ${rule.subnet} oifname != "${rule.bridge}" masquerade comment "sond ${rule.bridge} ${rule.subnet}"`,
    ])
  }

  const remove = async (rule: ObservedNatRule): Promise<void> => {
    const rules = await list()
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
    list: async () => (await list()).map(({ bridge, subnet }) => asOwned({ bridge, subnet })),
    add: (bridge, subnet) => queue(() => add({ bridge, subnet })),
    remove: (rule) => queue(() => remove(rule)),
  }
}
