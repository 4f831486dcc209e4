import { IncomingMessage } from 'node:http'
import { addressOf, containerOf, faultsAt, heal, pidOf } from '../lab/faults.ts'
import { condition, type Instance, isReady } from '../lab/api.ts'
import type { Lab } from '../lab/lab.ts'
import { now, until } from '../lab/run.ts'
import { startTraffic } from '../lab/traffic.ts'
import { type Screen, seconds } from './screen.ts'

/** Something that the demo promises did not happen. The message says what. */
export class DemoFailure extends Error {}

export const expect = (holds: boolean, otherwise: string): void => {
  if (!holds) throw new DemoFailure(otherwise)
}

/** Tells each start of a container as the engine does, until the function given back is called. */
const watchContainers = async (lab: Lab, screen: Screen, begun: number): Promise<() => void> => {
  const events = await lab.docker.getEvents({ filters: { type: ['container'], event: ['start'] } })
  events.on('data', (chunk: Buffer) => {
    for (const line of chunk.toString('utf8').split('\n').filter(Boolean)) {
      const { Actor } = JSON.parse(line) as { Actor?: { Attributes?: Record<string, string> } } // Docker API, /events
      const name = Actor?.Attributes?.['name'] ?? ''
      screen.good(`${'container'.padEnd(16)} ${seconds(now() - begun).padStart(7)}  ${name} started`)
    }
  })
  return () => {
    if (events instanceof IncomingMessage) events.destroy()
  }
}

/** Follows an instance until it is Ready for the manifest's version `generation`, showing what happens on the way. */
export const watchConverge = async (
  lab: Lab,
  screen: Screen,
  begun: number,
  name: string,
  generation: number,
): Promise<Instance> => {
  const shown = new Map<string, string>()
  const stop = await watchContainers(lab, screen, begun)
  try {
    const last = await lab.api.follow(name, 60_000, (instance) => {
      if ((instance?.status.observedGeneration ?? 0) < generation) return false
      for (const { type, status, message } of instance?.status.conditions ?? []) {
        const text = `${status} ${message}`
        if (['Ready', 'Reconciling', 'Drifted', 'Stalled'].includes(type) || shown.get(type) === text) continue
        shown.set(type, text)
        const line =
          `${type.padEnd(16)} ${seconds(now() - begun).padStart(7)}  ${message.replace(/(sha256:.{12}).*/, '$1...)')}`.trimEnd()
        if (status === 'True') screen.good(line)
        else screen.waiting(line)
      }
      return isReady(instance)
    })
    if (last === undefined) throw new DemoFailure(`instance ${name} is gone`)
    screen.good(`${'Ready'.padEnd(16)} ${seconds(now() - begun).padStart(7)}`)
    return last
  } finally {
    stop()
  }
}

export const showInstance = (screen: Screen, instance: Instance): void => {
  for (const { vnfId, copy, container, interfaces } of instance.status.functions) {
    const addresses = interfaces.map((each) => `${each.name} ${each.address ?? '-'}`).join('  ')
    screen.line(`${`${vnfId} (copy ${copy})`.padEnd(18)} ${(container?.name ?? '-').padEnd(24)} ${addresses}`)
  }
}

const execIn = async (
  lab: Lab,
  screen: Screen | undefined,
  vnf: string,
  copy: number,
  ...command: string[]
): Promise<string> => {
  const where = copy === 0 ? [] : ['--copy', String(copy)]
  screen?.command(['sonctl exec', ...where, 'web', vnf, '--', ...command].join(' '))
  const { code, stdout, stderr } = await lab.sonctl('exec', ...where, 'web', vnf, '--', ...command)
  return code === 0 ? stdout : `exit code ${code} ${stdout}${stderr}`
}

/** Ping and TCP from the client to the server of one copy; TCP to the port that the firewall drops. */
export const crossChain = async (lab: Lab, screen: Screen, instance: Instance, copy = 0): Promise<void> => {
  const server = addressOf(instance, 'server', 'data', copy)
  const pings = await execIn(lab, screen, 'client', copy, 'ping', '-c', '3', '-i', '0.2', '-W', '2', server)
  const summary = /\d+ packets transmitted.*/.exec(pings)?.[0]
  expect(pings.includes(' 0% packet loss'), `client can't ping server ${server}: ${pings}`)
  screen.good(summary ?? 'pings pass')
  const page = await execIn(lab, screen, 'client', copy, 'timeout', '5', 'wget', '-qO-', `http://${server}/`)
  expect(page.trim() === 'server', `TCP port 80 of ${server} gave ${JSON.stringify(page)}, not "server"`)
  screen.good(`TCP port 80 passes the firewall: the page says "${page.trim()}"`)
  const local = await execIn(lab, undefined, 'server', copy, 'timeout', '5', 'wget', '-qO-', 'http://127.0.0.1:8080/')
  expect(local.trim() === 'server', `the server does not answer its own port 8080: ${local}`)
  const blocked = await execIn(lab, screen, 'client', copy, 'timeout', '2', 'wget', '-qO-', `http://${server}:8080/`)
  expect(/^exit code [1-9]/.test(blocked), `TCP port 8080 should be dropped, but gave ${JSON.stringify(blocked)}`)
  const rules = await execIn(lab, undefined, 'firewall', copy, 'nft', 'list', 'ruleset')
  const dropped = Number(/counter packets (\d+) bytes \d+ drop/.exec(rules)?.[1] ?? 0)
  expect(dropped > 0, `the firewall dropped nothing:\n${rules}`)
  screen.good(`TCP port 8080 is open on the server, and dropped on the way (${dropped} packets)`)
}

/** Breaks one thing after another, and shows how long data did not pass. */
export const healAll = async (lab: Lab, screen: Screen, instance: Instance): Promise<void> => {
  const server = addressOf(instance, 'server', 'data')
  const traffic = startTraffic(await pidOf(lab, containerOf(instance, 'client')), server, 80)
  try {
    for (const fault of await faultsAt(lab, instance, 'firewall', 'inside')) {
      screen.command(fault.command)
      screen.good(`${fault.name}: healed, TCP passes again after`, await heal(fault, traffic))
      await lab.api.follow(
        instance.metadata.name,
        30_000,
        (now) => isReady(now) && condition(now, 'Drifted') !== 'True',
      )
    }
  } finally {
    await traffic.stop()
  }
}

/** Ids of the containers of one copy: the same ids before and after mean they were left alone. */
export const containerIds = (instance: Instance, copy: number): string =>
  instance.status.functions
    .filter((each) => each.copy === copy)
    .map(({ container }) => container?.id ?? '')
    .sort()
    .join(' ')

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '')

const serviceTraces = async (lab: Lab): Promise<Readonly<Record<string, string[]>>> => {
  const switches = lines(await lab.vsctl('list-br'))
  const flows: string[] = []
  for (const bridge of switches) flows.push(...lines(await lab.ofctl('--no-stats', 'dump-flows', bridge)))
  const containers = await lab.docker.listContainers({ all: true })
  return {
    containers: containers.flatMap(({ Names }) => Names),
    'veth pairs': await lab.veths(),
    'switch ports': lines(await lab.vsctl('--bare', '--columns=name', 'find', 'Port', 'external_ids:sond-owner=sond')),
    switches,
    'flow rules': flows,
  }
}

/** Nothing may be there of services once the last one is gone; switches go a moment after the last function. */
export const expectNoTraces = async (lab: Lab, screen: Screen): Promise<void> => {
  let traces: Readonly<Record<string, string[]>> | undefined
  const clean = async (): Promise<boolean> => {
    // A switch that goes while it is looked at makes its tool fail: look again.
    traces = await serviceTraces(lab).catch(() => undefined)
    return traces !== undefined && Object.values(traces).every((left) => left.length === 0)
  }
  await until('nothing to be left', clean, 10_000).catch(() => undefined)
  for (const [what, left] of Object.entries(traces ?? (await serviceTraces(lab)))) {
    expect(left.length === 0, `${what} left behind: ${left.join(', ')}`)
    screen.good(`no ${what} left`)
  }
}
