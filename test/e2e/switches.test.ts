import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { stringify } from 'yaml'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines, type TestEngines } from '../support/engines.ts'
import { buildManifest, buildPackage } from '../support/service.ts'
import { checkSwitch, merged, overridesOf, settingsOf, type Fields } from '../support/switches.ts'
import { startUnixProxy } from '../support/unix-proxy.ts'
import { until } from '../support/until.ts'
import { engineSwitches, serviceSwitches, type Rig } from './switches.ts'

const image = 'test/host:1'

const packages = {
  'full.son': await buildPackage({
    name: 'full',
    functions: [
      { id: 'a', image, interfaces: ['out', 'lan'] },
      { id: 'b', image, interfaces: ['in', 'wan'] },
    ],
    points: { 'ns:client': 'internal', 'ns:ext': 'external' },
    links: [
      ['line', 'E-Line', 'a:out', 'b:in'],
      ['lan', 'E-LAN', 'ns:client', 'a:lan'],
      ['wan', 'E-Line', 'b:wan', 'ns:ext'],
    ],
  }),
  'bare.son': await buildPackage({
    name: 'bare',
    functions: [
      { id: 'c', image, interfaces: ['out'] },
      { id: 'd', image, interfaces: ['in'] },
    ],
    links: [['line', 'E-Line', 'c:out', 'd:in']],
    forwardingGraphs: false,
  }),
}

const functions = [{ vnfId: 'b', env: { SON_EMU_CMD_STOP: 'sleep 1' } }]

/** A daemon whose configuration file alone says all that it is to do. */
const startConfigured = async (t: Test, engines: TestEngines, owner: string, spec: Fields) => {
  const dir = join(engines.dir, owner)
  const docker = join(engines.runDir, `docker-${owner}.sock`)
  // The sockets of switches are looked for beside that of the database.
  const ovsdb = join(engines.ovsRunDir, `db-${owner}.sock`)
  const proxied = {
    docker: await startUnixProxy(t, docker, engines.dockerUrl.replace('unix://', '')),
    ovsdb: await startUnixProxy(t, ovsdb, engines.ovsdbUrl.replace('unix:', '')),
  }
  const places: Readonly<Record<string, string>> = {
    $DIR: dir,
    $DOCKER: engines.dockerUrl,
    $DOCKER_PROXY: `unix://${docker}`,
    $OVSDB: engines.ovsdbUrl,
    $OVSDB_PROXY: `unix:${ovsdb}`,
  }
  const base = {
    manifests: { directory: '$DIR/manifests' },
    listen: ['unix:$DIR/api.sock'],
    engines: { mode: 'host', datapath: 'netdev', docker: '$DOCKER', ovsdb: '$OVSDB' },
    resync: '1h',
    saps: { deploy: true },
  }
  const text = JSON.stringify(merged(base, spec)).replaceAll(/\$[A-Z_]+/g, (name) => places[name] ?? name)
  await mkdir(dir, { recursive: true })
  await writeFile(
    join(dir, 'sap.yml'),
    stringify({
      vendor: 'test.sond.dev',
      name: 'sap',
      version: '1',
      virtual_deployment_units: [{ id: 'u', vm_image: 'test/sap:1', vm_image_format: 'docker' }],
    }),
  )
  // JSON.parse gives any.
  const settings = JSON.parse(text) as Fields
  const sond = await startSond(t, engines, { name: owner, settings, flagless: true })
  for (const [file, bytes] of Object.entries(packages)) await sond.drop(file, bytes)
  return { sond, proxied }
}

void t.test('every switch that shows on engines', async (t) => {
  const engines = await startTestEngines(t)
  for (const name of [image, 'sonatanfv/son-emu-sap', 'test/sap:1']) await importBusyboxImage(engines.docker, name)

  /** A daemon with all first, or all second values, and instances that leave it so or have all that they can otherwise. */
  const startPair = async (owner: string, which: 0 | 1): Promise<readonly [Rig, Rig]> => {
    const { sond, proxied } = await startConfigured(t, engines, owner, settingsOf(serviceSwitches, which))
    const rigs = (['as', 'over'] as const).map((name): Rig => {
      const overrides = name === 'as' ? {} : overridesOf(serviceSwitches, which === 0 ? 1 : 0)
      const spec = { ...overrides, functions }
      return {
        engines,
        sond,
        owner,
        proxied,
        spec,
        full: `${name}-full-${which}`,
        bare: `${name}-bare-${which}`,
        trusted: `trusted-${which}`,
      }
    })
    for (const { full, bare, spec } of rigs) {
      await sond.drop(`${full}.yaml`, buildManifest(full, 'full', spec))
      await sond.drop(`${bare}.yaml`, buildManifest(bare, 'bare', { ...spec, functions: [] }))
    }
    const privileged = { functions: [{ vnfId: 'c', privileged: true }] }
    await sond.drop('trusted.yaml', buildManifest(`trusted-${which}`, 'bare', privileged))
    for (const { full, bare } of rigs) for (const name of [full, bare]) await sond.ready(name)
    const [as, over] = rigs
    if (as === undefined || over === undefined) throw new Error('there are two')
    return [as, over]
  }
  const pairs = await Promise.all([startPair('sond', 0), startPair('other', 1)])

  for (const one of serviceSwitches) {
    const [first, second] = one.values.map((value) => JSON.stringify(value))
    await t.test(`keep: ${one.setting}: ${first} or ${second}`, async (t) => {
      for (const which of [0, 1] as const) {
        const [as, over] = pairs[which]
        await checkSwitch(t, one, which, as)
        // This instance says the other value, in a daemon that says this one.
        if (one.overridden) await checkSwitch(t, one, which === 0 ? 1 : 0, over, 'against the daemon its instance')
      }
    })
  }

  for (const one of engineSwitches) {
    const [first, second] = one.values.map((value) => JSON.stringify(value))
    await t.test(`keep: ${one.setting}: ${first} or ${second}`, async (t) => {
      const [as] = pairs[0]
      await checkSwitch(t, one, 0, { ...as })
      const owner = one.setting.replace('engines.', '')
      const rest = settingsOf([one], 1)
      const { sond, proxied } = await startConfigured(t, engines, owner, merged(rest, { owner }))
      const rig: Rig = { ...as, sond, proxied, owner, full: `full-${owner}`, bare: '', trusted: '' }
      await sond.drop(`${rig.full}.yaml`, buildManifest(rig.full, 'bare'))
      await until(
        'its first look',
        async () => ((await sond.object('ServiceInstance', rig.full))?.status.functions.length ?? 0) > 0,
      )
      await checkSwitch(t, one, 1, rig)
      const { code, stderr } = await sond.sonctl('delete', 'instance', rig.full, '--wait', '--timeout', '20s')
      t.equal(code, 0, `what has come of it goes, also where no switch could be made: ${stderr}`)
    })
  }
})
