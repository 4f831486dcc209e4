import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import equal from 'fast-deep-equal'
import { must, until } from '../deploy/lab/run.ts'
import { type Arena, diesWithUs } from './arena.ts'
import type { Beside } from './census.ts'
import { images } from './wanted.ts'

/** The control group: what others have on the same engines and in the same namespace. It bears none of sond's marks. */
export interface Foreign {
  readonly beside: Beside
  /** Puts back what a switch that ended has forgotten: flow rules live in its memory alone. */
  restoreFlows(): Promise<void>
  /** All of it as text, by what it is. */
  fingerprint(): Promise<ReadonlyMap<string, string>>
  /** Ends the process among it; the rest goes with the namespace. */
  end(): void
}

const bridge = 'foreign0'
const flows = [
  'cookie=0x1234,priority=10,in_port=fv0,actions=NORMAL',
  'cookie=0x50dc000000000001,priority=7,ip,nw_dst=10.30.0.1,actions=drop',
  'cookie=0x0,priority=5,arp,actions=NORMAL',
]

/** What a switch that starts sets and takes back on the devices it holds. */
const ofSwitch = /"PROMISC",?|"promiscuity":\d+,?/g
const statistics = /\b(?:packets|bytes) \d+/g

export const plantForeign = async (arena: Arena): Promise<Foreign> => {
  const { lab, inside } = arena
  const { docker } = lab
  const runs = await docker.createContainer({
    name: 'foreign-runs',
    Image: images[0],
    Labels: { 'example.org/owner': 'somebody' },
    HostConfig: { NetworkMode: 'none', CgroupParent: arena.foreignGroup },
  })
  await runs.start()
  // A name like one of sond's own.
  const rests = await docker.createContainer({ name: 'sond.foreign.0.fw.0', Image: images[0] })
  const containers = await Promise.all([runs, rests].map((one) => one.inspect()))

  await inside('ip', 'link', 'add', 'fv0', 'type', 'veth', 'peer', 'name', 'fv1')
  await inside('ip', 'link', 'set', 'fv0', 'alias', 'somebody:else')
  await inside('ip', 'address', 'add', '198.51.100.1/24', 'dev', 'fv1') // RFC 5737
  // The kernel would take its time for addresses of its own.
  for (const name of ['fv0', 'fv1']) await inside('ip', 'link', 'set', name, 'up', 'addrgenmode', 'none')
  await lab.vsctl(
    ...['add-br', bridge, '--', 'set', 'bridge', bridge, 'datapath_type=netdev', 'fail_mode=secure'],
    ...['external_ids:owner=somebody', '--', 'add-port', bridge, 'fv0', 'tag=77', '--', 'set', 'port', 'fv0'],
    'external_ids:instance=trial',
  )
  await inside('nft', 'add', 'table', 'ip', 'foreign')
  await inside('nft', 'add', 'chain', 'ip', 'foreign', 'post', '{ type nat hook postrouting priority 90; }')
  await inside('nft', 'add', 'rule', 'ip', 'foreign', 'post', 'ip', 'saddr', '198.51.100.0/24', 'counter', 'masquerade')
  await inside(
    'iptables',
    '-A',
    'FORWARD',
    '-s',
    '198.51.100.0/24',
    '-m',
    'comment',
    '--comment',
    'somebody',
    '-j',
    'ACCEPT',
  )
  const process_ = spawn('setpriv', [...diesWithUs, 'nsenter', `--net=/run/netns/${lab.netns}`, 'sleep', '1000000'], {
    stdio: 'ignore',
  })
  const pid = process_.pid ?? 0

  const restoreFlows = async (): Promise<void> => {
    await until(
      'the switch to take flow rules',
      async () => lab.ofctl('show', bridge).then(Boolean, () => false),
      60_000,
    )
    for (const flow of flows) await lab.ofctl('add-flow', bridge, flow)
  }
  await restoreFlows()

  const inspected = async (id: string): Promise<string> =>
    // A dockerd that starts makes empty lists of what was null.
    JSON.stringify(await docker.getContainer(id).inspect(), (_, value: unknown) => (equal(value, []) ? null : value))
  const readings: Readonly<Record<string, () => Promise<string>>> = {
    'a container that runs': () => inspected(runs.id),
    'a container that rests': () => inspected(rests.id),
    'a file in a container': async () => {
      const { State } = await docker.getContainer(runs.id).inspect()
      return createHash('sha256')
        .update(await readFile(`/proc/${State.Pid}/root/www/blob`))
        .digest('hex')
    },
    'a bridge': () =>
      lab.vsctl('--columns=_uuid,name,ports,external_ids,fail_mode,other_config', 'list', 'bridge', bridge),
    'a port': () =>
      lab.vsctl('--columns=_uuid,name,tag,trunks,vlan_mode,external_ids,interfaces', 'list', 'port', 'fv0'),
    'flow rules': async () =>
      (await lab.ofctl('--no-stats', 'dump-flows', bridge))
        .split('\n')
        .filter((line) => line.includes('cookie'))
        .sort()
        .join('\n'),
    'veth pair': async () => {
      const devices = await Promise.all(
        ['fv0', 'fv1'].map((name) => must('ip', ['-n', lab.netns, '-d', '-j', 'address', 'show', name])),
      )
      return devices.join('').replaceAll(ofSwitch, '')
    },
    'a table of nftables': async () =>
      (await inside('nft', '-a', 'list', 'table', 'ip', 'foreign')).replaceAll(statistics, ''),
    'a rule of iptables': async () =>
      (await inside('iptables', '-S', 'FORWARD'))
        .split('\n')
        .filter((line) => line.includes('somebody'))
        .join('\n'),
    'a process': async () => {
      const about = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => 'gone')
      return `${pid} ${about.split(' ').slice(0, 6).join(' ')}`
    },
  }
  return {
    beside: { containers, running: 1, processes: new Set([pid, ...arena.helpers]) },
    restoreFlows,
    fingerprint: async () => {
      const found = await Promise.all(
        Object.entries(readings).map(async ([what, read]) => [what, await read()] as const),
      )
      return new Map(found)
    },
    end: () => void process_.kill('SIGKILL'),
  }
}

/** The text around the first place where it differs from another. */
const excerpt = (text: string, other: string): string => {
  let at = 0
  while (at < text.length && text[at] === other[at]) at += 1
  return text.slice(Math.max(0, at - 60), at + 100)
}

/** What is no longer as it was, both told. */
export const changed = (before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly string[] =>
  [...before].flatMap(([what, text]) => {
    const now = after.get(what) ?? 'gone'
    if (now === text) return []
    return [`foreign: ${what} changed: was ...${excerpt(text, now)}... and is ...${excerpt(now, text)}...`]
  })
