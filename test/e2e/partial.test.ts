import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { startSond } from '../support/daemon.ts'
import { pings } from '../support/reach.ts'
import { buildManifest, buildPackage, chainSketch, type ServiceSketch } from '../support/service.ts'
import { until } from '../support/until.ts'

const image = 'test/host:1'
const moment = /next (?:try|start) at (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)/

/** One function of four cannot be as it shall; why differs. */
void t.test(
  'what fails, fails alone: the others run and stay chained, and it comes by itself when its cause has gone',
  async (t) => {
    const engines = await startTestEngines(t)
    const { docker } = engines
    await importBusyboxImage(docker, image)
    await importBusyboxImage(docker, 'test/crashing:1', {
      cmd: ['/bin/sh', '-c', 'test -e /mnt/share/ok || exit 5; exec sleep 100000'],
    })
    await importBusyboxImage(docker, 'test/hungry:1', {
      cmd: ['/bin/sh', '-c', 'test -e /mnt/share/ok || { x=a; while :; do x=$x$x; done; }; exec sleep 100000'],
    })
    await importBusyboxImage(docker, 'test/scripted:1', {
      env: { SON_EMU_CMD: 'test -e /mnt/share/ok || { echo no file; exit 3; }' },
    })
    const results = join(engines.dir, 'results')
    // All that this engine starts has the first CPU alone, for now.
    const cpus = join('/sys/fs/cgroup/cpuset', engines.netns.name)
    await mkdir(cpus, { recursive: true })
    await writeFile(join(cpus, 'cpuset.mems'), '0')
    await writeFile(join(cpus, 'cpuset.cpus'), '0')
    const sond = await startSond(t, engines, { settings: { results: { directory: results } } })

    /** A chain of three, and a fourth function at its end. */
    const sketchOf = (name: string, its: Partial<ServiceSketch['functions'][number]>): ServiceSketch => {
      const chain = chainSketch(name, 4, image)
      return { ...chain, functions: chain.functions.map((one) => (one.id === 'f4' ? { ...one, ...its } : one)) }
    }
    const container = (name: string, vnf: string): string => `sond.${name}.0.${vnf}.0`
    const idsOf = (name: string): Promise<readonly string[]> =>
      Promise.all(['f1', 'f2', 'f3'].map(async (vnf) => (await docker.getContainer(container(name, vnf)).inspect()).Id))
    const subnets = async (name: string) =>
      new Map((await sond.get(name)).status.links.map(({ id, subnet, chained }) => [id, { subnet, chained }]))
    const neighbour = async (name: string, link: string): Promise<string> =>
      ((await subnets(name)).get(link)?.subnet ?? '').replace(/\.0\/30$/, '.2')
    const siblingsWork = async (name: string): Promise<boolean> =>
      (await pings(engines, container(name, 'f1'), await neighbour(name, 'l1'))) &&
      (await pings(engines, container(name, 'f2'), await neighbour(name, 'l2')))

    const cases: readonly {
      readonly name: string
      readonly its: Partial<ServiceSketch['functions'][number]>
      readonly condition: string
      readonly says: RegExp
      /** It runs all the same. */
      readonly isReady?: boolean
      readonly mend: () => Promise<unknown>
    }[] = [
      {
        name: 'imageless',
        its: { image: 'local/nowhere:1' },
        condition: 'ImagesReady',
        says: /local\/nowhere:1: the image is not on this host and cannot be pulled/,
        mend: () => importBusyboxImage(docker, 'local/nowhere:1'),
      },
      {
        name: 'crashing',
        its: { image: 'test/crashing:1' },
        condition: 'ContainersReady',
        says: /crashing\.0\.f4\.0: its program ended with code 5 after \d+ s, \d+ times in a row/,
        mend: () => writeFile(join(results, 'crashing', '0', 'f4', 'ok'), ''),
      },
      {
        name: 'hungry',
        its: { image: 'test/hungry:1', resources: { memory: { size: 16, size_unit: 'MiB' } } },
        condition: 'ContainersReady',
        says: /hungry\.0\.f4\.0: its program ended with code 137 \(out of memory, its limit is 16 MiB\) after \d+ s, 2 times in a row/,
        mend: () => writeFile(join(results, 'hungry', '0', 'f4', 'ok'), ''),
      },
      {
        name: 'greedy',
        its: { resources: { cpu: { cores: '1' }, memory: { size: 64, size_unit: 'MB' } } },
        condition: 'ContainersReady',
        says: /greedy\.0\.f4\.0: the host cannot give these limits .*cpuset/,
        mend: () => writeFile(join(cpus, 'cpuset.cpus'), '0-1'),
      },
      {
        name: 'scripted',
        its: { image: 'test/scripted:1' },
        condition: 'Stalled',
        says: /scripted\.0\.f4\.0: its start script \(SON_EMU_CMD\) ended with code 3/,
        isReady: true,
        mend: () => writeFile(join(results, 'scripted', '0', 'f4', 'ok'), ''),
      },
    ]
    await Promise.all(
      cases.map(async ({ name, its }) => sond.drop(`${name}.son`, await buildPackage(sketchOf(name, its)))),
    )
    await Promise.all(cases.map(({ name }) => sond.drop(`${name}.yaml`, buildManifest(name, name))))

    const said = async (name: string, condition: string): Promise<string> =>
      (await sond.object('ServiceInstance', name))?.status.conditions.find(({ type }) => type === condition)?.message ??
      ''
    const ids = new Map<string, readonly string[]>()
    for (const { name, condition, says, isReady } of cases) {
      await t.test(`${name}: it says which, why, and when it tries again; its siblings work`, async (t) => {
        const message = await until(
          `${name} to say so`,
          async () => {
            const text = await said(name, condition)
            return says.test(text) && moment.test(text) && text
          },
          { timeout: 20_000 },
        )
        const next = Date.parse(moment.exec(message)?.[1] ?? '')
        t.ok(next > Date.now() - 60_000 && next < Date.now() + 330_000, message)
        const { status } = await sond.get(name)
        t.equal(status.conditions.find(({ type }) => type === 'Ready')?.status, isReady === true ? 'True' : 'False')
        t.match(
          status.functions.find(({ vnfId }) => vnfId === 'f4')?.problem,
          says.source.includes('nowhere') ? /nowhere|pulled/ : /./,
        )
        await until(`the siblings in ${name} to work`, () => siblingsWork(name))
        const links = await subnets(name)
        t.same([links.get('l1')?.chained, links.get('l2')?.chained], [true, true])
        ids.set(name, await idsOf(name))
      })
    }

    await Promise.all(cases.map(({ mend }) => mend()))
    for (const { name } of cases) {
      await t.test(`${name}: it comes by itself`, async (t) => {
        await until(
          `${name} to be as it shall`,
          async () => {
            const { status } = await sond.get(name)
            const is = (type: string, value: string): boolean =>
              status.conditions.some((one) => one.type === type && one.status === value)
            return (
              is('Ready', 'True') &&
              is('Stalled', 'False') &&
              status.functions.every(({ problem }) => problem === undefined)
            )
          },
          { timeout: 40_000, every: 100 },
        )
        t.ok(await pings(engines, container(name, 'f3'), await neighbour(name, 'l3')), 'the whole chain works')
        t.same(await idsOf(name), ids.get(name), 'its siblings were not touched')
      })
    }
  },
)
