import type { Instance } from '../deploy/lab/api.ts'
import { run } from '../deploy/lab/run.ts'
import { type Arena, blobBytes } from './arena.ts'
import { calm, trial } from './service.ts'

type Function = Instance['status']['functions'][number]

/** What a container's network shall reach, and the routes that its program would have set for that. */
interface Vantage {
  readonly container: string
  readonly routes: readonly (readonly [to: string, via: string])[]
  readonly targets: readonly string[]
}

const addressOf = (one: Function | undefined, name: string): string =>
  one?.interfaces.find((each) => each.name === name)?.address?.split('/')[0] ?? ''

const subnetOf = (instance: Instance, link: string, copy: number): string =>
  instance.status.links.find((each) => each.id === link && each.copy === copy)?.subnet ?? ''

const pointOf = (instance: Instance, name: string, copy: number): string =>
  instance.status.saps.find((each) => each.copy === copy && each.name === name)?.address?.split('/')[0] ?? ''

const vantagesOf = (instance: Instance, copy: number, outside: string): readonly Vantage[] => {
  const functions = instance.status.functions.filter((each) => each.copy === copy)
  const of = (vnfId: string): readonly Function[] => functions.filter((each) => each.vnfId === vnfId)
  const out = ['default', pointOf(instance, 'ns_wan', copy)] as const
  const at = (one: Function, targets: readonly string[], routes: Vantage['routes'] = []): Vantage => ({
    container: one.container?.name ?? `the container of ${one.vnfId}`,
    routes,
    targets,
  })
  if (instance.metadata.name === calm) {
    const [left, right] = [of('left'), of('right')]
    return [
      ...left.map((one) => at(one, [addressOf(right[0], 'net')])),
      ...right.map((one) => at(one, [addressOf(left[0], 'net'), outside], [out])),
    ]
  }
  const [routers, server, probe] = [of('router'), of('server'), of('probe')]
  const lan = [...routers, ...server, ...probe].map((one) => addressOf(one, 'lan'))
  const [toRouter, fromRouter] = [addressOf(routers[0], 'input'), addressOf(routers[0], 'output')]
  const [toClient, toServer] = [pointOf(instance, 'ns_client', copy), addressOf(server[0], 'net')]
  const others = (one: Function): readonly string[] => lan.filter((address) => address !== addressOf(one, 'lan'))
  return [
    // The server's address is behind the router: end to end.
    {
      container: `sond.${trial}.${copy}.ns_client.0`,
      routes: [[subnetOf(instance, 'mid', copy), toRouter]],
      targets: [toRouter, toServer],
    },
    ...routers.map((one) => at(one, [toClient, toServer, ...others(one)])),
    ...server.map((one) =>
      at(one, [fromRouter, toClient, outside, ...others(one)], [out, [subnetOf(instance, 'in', copy), fromRouter]]),
    ),
    ...probe.map((one) => at(one, others(one))),
  ]
}

/** Pings each address, and gets a file from the server behind it by TCP; prints what does not answer. */
const script = `
for route in $1; do ip route replace "\${route%@*}" via "\${route#*@}" || echo "route to \${route%@*} via \${route#*@}: refused"; done
for target in $2; do
  busybox ping -q -c 1 -W 1 "$target" >/dev/null || { echo "$target: no ping"; continue; }
  size=$(timeout 3 busybox wget -q -O - "http://$target/blob" | wc -c)
  [ "$size" = ${blobBytes} ] || echo "$target: $size bytes by TCP"
done`

const look = async ({ lab }: Arena, { container, routes, targets }: Vantage): Promise<readonly string[]> => {
  if ([...routes.flat(), ...targets].includes('')) return [`${container}: something it should reach has no address`]
  const found = await lab.docker
    .getContainer(container)
    .inspect()
    .catch(() => undefined)
  if (found === undefined || found.State.Pid === 0) return [`${container}: does not run`]
  const words = routes.map((route) => route.join('@')).join(' ')
  const enter = ['-t', String(found.State.Pid), '-n', 'sh', '-c', script, 'sh', words, targets.join(' ')]
  const { code, stdout, stderr } = await run('nsenter', enter, { timeoutMs: 30_000 })
  const lines = stdout.split('\n').filter((line) => line !== '')
  return [...lines, ...(code === 0 ? [] : [stderr])].map((line) => `${container} -> ${line}`)
}

/** Sends data along every link of an instance, from each end, and end to end; gives what did not come through. */
export const findSilence = async (arena: Arena, instance: Instance): Promise<readonly string[]> => {
  const { name } = instance.metadata
  if (name !== trial && name !== calm) return []
  const copies = [...new Set(instance.status.functions.map(({ copy }) => copy))]
  const vantages = copies.flatMap((copy) => vantagesOf(instance, copy, arena.outside))
  if (vantages.length === 0) return [`${name}: no function`]
  return (await Promise.all(vantages.map((vantage) => look(arena, vantage)))).flat()
}
