// Packages as people have them, wrong in small things, and what their descriptors ask of containers.
import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { entriesOf, link, son, tgoFiles, unit, vnfd, zip, type Yaml } from '../parse/fixtures/sample.ts'
import { startSond } from '../support/daemon.ts'
import { importBusyboxImage, startTestEngines } from '../support/engines.ts'
import { pings, talksTcp } from '../support/reach.ts'
import { buildManifest } from '../support/service.ts'
import { until } from '../support/until.ts'

const execute = promisify(execFile)
const image = 'test/host:1'

const point = (id: string): Yaml => ({ id, interface: 'ipv4', type: 'internal' })

/** Wrong sums, unknown fields, a link to nowhere, no forwarding graphs, requirements that are absent or odd. */
const odd = (): Promise<Buffer> =>
  son({
    manifest: {
      colour: 'blue',
      package_content: [
        ['service_descriptors/nsd.yml', 'service'],
        ['function_descriptors/a.yml', 'function'],
        ['function_descriptors/b.yml', 'function'],
      ].map(([path, kind]) => ({
        name: `/${path ?? ''}`,
        'content-type': `application/sonata.${kind ?? ''}_descriptor`,
        md5: '00000000000000000000000000000000',
      })),
    },
    nsd: {
      colour: 'blue',
      forwarding_graphs: undefined,
      connection_points: [],
      network_functions: ['vnf_a', 'vnf_a2', 'vnf_b'].map((id) => ({
        vnf_id: id,
        vnf_vendor: 'example',
        vnf_name: id.slice(4, 5),
        vnf_version: '0.1',
      })),
      virtual_links: [
        link('ab', 'E-Line', 'vnf_a:out.put', 'vnf_b:input'),
        link('typo', 'E-Line', 'vnf_a:mgmt', 'vnf_b:inptu'),
      ],
    },
    a: {
      colour: 'blue',
      connection_points: ['mgmt', 'input', 'out.put'].map(point),
      virtual_deployment_units: [
        unit({
          vm_image: `http://${image}`,
          resource_requirements: { cpu: { vcpus: 2, cpu_bw: 0.5 }, memory: { size: 1.5, size_unit: 'GB' } },
        }),
      ],
    },
    b: {
      connection_points: ['mgmt', 'vnf:input'].map(point),
      virtual_deployment_units: [unit({ vm_image: image, resource_requirements: undefined })],
    },
  })

/** A service of two functions of one descriptor in the successor's format. */
const tango = async (name: string, units: Yaml): Promise<Buffer> =>
  zip(
    entriesOf(
      tgoFiles(
        vnfd('native', {
          version: '0.9',
          virtual_deployment_units: undefined,
          connection_points: [point('data')],
          ...units,
        }),
        {
          network_functions: ['vnf0', 'vnf1'].map((id) => ({
            vnf_id: id,
            vnf_vendor: 'example',
            vnf_name: 'native',
            vnf_version: '0.9',
          })),
          virtual_links: [link('line', 'E-Line', 'vnf0:data', 'vnf1:data')],
        },
        { name },
      ),
    ),
  )

const cloudNative: Yaml = {
  cloudnative_deployment_units: [{ id: 'cdu01', image, connection_points: [{ id: 'data', port: 80 }] }],
  virtual_links: [link('data', 'E-LAN', 'data', 'cdu01:data')],
}

void t.test('packages as people have them', async (t) => {
  const engines = await startTestEngines(t)
  const { docker } = engines
  await importBusyboxImage(docker, image)
  const results = join(engines.dir, 'results')
  const sond = await startSond(t, engines, { settings: { results: { directory: results } } })
  const hostConfig = async (vnf: string) => (await docker.getContainer(`sond.odd.0.${vnf}.0`).inspect()).HostConfig

  await t.test('keep: wrong sums, unknown fields and references to nowhere are notices, never refusals', async (t) => {
    const file = join(engines.dir, 'odd.son')
    await writeFile(file, await odd())
    const validated = await sond.sonctl('validate', file)
    t.equal(validated.code, 0, validated.stderr)
    t.match(validated.stderr, /MANIFEST\.MF:\d+:\d+: the MD5 sum of "\/service_descriptors\/nsd\.yml" is/)
    t.match(
      validated.stderr,
      /nsd\.yml:\d+:\d+: vnf_b has no connection point "inptu"; did you mean "input"/,
      'file and line of the reference, and what there is instead',
    )
    await sond.drop('odd.son', await readFile(file))
    await sond.drop('odd.yaml', buildManifest('odd', 'odd.son'))
    const { status } = await sond.ready('odd')
    t.same(
      status.functions.map(({ vnfId }) => vnfId),
      ['vnf_a', 'vnf_a2', 'vnf_b'],
      'one descriptor serves two ids',
    )
    t.match(
      status.links.find(({ id }) => id === 'typo'),
      { chained: false, reason: /inptu/ },
    )
    const described = await sond.sonctl('describe', 'package', 'example/sample:0.1')
    t.match(described.stdout, /CHECKSUM|MD5 sum/, 'told of the package too')
  })

  await t.test('mend: links are wired without forwarding graphs', async (t) => {
    t.ok((await sond.get('odd')).status.links.find(({ id }) => id === 'ab')?.chained)
    t.ok(await talksTcp(engines, 'sond.odd.0.vnf_a.0', 'sond.odd.0.vnf_b.0', '10.30.0.2'))
  })

  await t.test(
    'keep: interfaces have cleaned names; a declaration of the old form vnf:input is the same',
    async (t) => {
      const { status } = await sond.get('odd')
      const joined = status.functions.flatMap(({ interfaces }) => interfaces.filter(({ link: id }) => id === 'ab'))
      t.match(joined, [
        { name: 'out-put', declared: 'out.put', address: '10.30.0.1/30' },
        { name: 'input', address: '10.30.0.2/30' },
      ])
    },
  )

  await t.test('mend: a count of CPUs pins to none; bandwidth and fractions of memory are as written', async (t) => {
    t.match(await hostConfig('vnf_a'), {
      CpusetCpus: '',
      CpuPeriod: 1_000_000,
      CpuQuota: 500_000,
      Memory: 1.5 * 1024 ** 3,
    })
  })

  await t.test('mend: a set of CPUs that the host lacks in part does not keep a function from starting', async () => {
    await sond.drop(
      'odd.yaml',
      buildManifest('odd', 'odd.son', {
        functions: [
          { vnfId: 'vnf_a', resources: { cpu: { cores: '0,4000' } } },
          { vnfId: 'vnf_b', resources: { cpu: { bandwidth: -1 } } },
        ],
      }),
    )
    await until('the limits to be changed', async () => (await hostConfig('vnf_a')).CpusetCpus === '0')
    await until('no limit', async () => Number((await hostConfig('vnf_b')).CpuQuota) <= 0)
    await sond.drop('odd.yaml', buildManifest('odd', 'odd.son'))
    await until('the default again', async () => (await hostConfig('vnf_b')).CpuQuota === 1_000_000)
    await sond.ready('odd')
  })

  await t.test('keep: requirements that are absent: one CPU, 2 GB; unprivileged, host name and VNF_NAME', async (t) => {
    t.match(await hostConfig('vnf_b'), {
      CpuQuota: 1_000_000,
      Memory: 2 * 1024 ** 3,
      Privileged: false,
      CapAdd: ['NET_ADMIN'],
    })
    const { Config } = await docker.getContainer('sond.odd.0.vnf_b.0').inspect()
    t.equal(Config.Hostname, 'vnf_b')
    t.ok(Config.Env.includes('VNF_NAME=vnf_b'))
  })

  await t.test(
    'keep: what a function writes to /mnt/share outlives its container, below the directory of the settings',
    async (t) => {
      const written = await sond.sonctl('exec', 'odd', 'vnf_a', '--', 'sh', '-c', 'echo kept > /mnt/share/log')
      t.equal(written.code, 0, written.stderr)
      t.equal((await sond.sonctl('delete', 'instance', 'odd', '--wait')).code, 0)
      t.equal(await readFile(join(results, 'odd/0/vnf_a/log'), 'utf8'), 'kept\n')
    },
  )

  await t.test('a .tgo comes up, from the watched directory', async (t) => {
    await sond.drop('dropped.tgo', await tango('dropped', cloudNative))
    await sond.drop('dropped.yaml', buildManifest('dropped', 'dropped'))
    const { status } = await sond.ready('dropped')
    t.equal(status.functions.length, 2)
    t.ok(await pings(engines, 'sond.dropped.0.vnf0.0', '10.30.0.2'))
    t.equal((await sond.sonctl('delete', 'instance', 'dropped', '--wait')).code, 0)
  })

  const post = async (path: string, ...args: readonly string[]): Promise<unknown> => {
    const { stdout } = await execute('curl', ['-sS', '--unix-socket', sond.socket, ...args, `http://localhost${path}`])
    return JSON.parse(stdout)
  }

  await t.test('a .tgo comes up, uploaded as scripts do', async (t) => {
    const file = join(engines.dir, 'posted.tgo')
    await writeFile(file, await tango('posted', { virtual_deployment_units: [unit({ vm_image: image })] }))
    t.match(await post('/packages', '-F', `package=@${file}`), { error: null, sha1: String })
    t.match(await post('/instantiations', '-d', '{}'), { service_instance_uuid: String })
    t.ok(await talksTcp(engines, 'sond.posted-1.0.vnf0.0', 'sond.posted-1.0.vnf1.0', '10.30.0.2'))
    t.match(await post('/instantiations', '-X', 'DELETE'), /stopped/)
  })

  await t.test(
    'a .tgo without functions in containers is refused with the place and what would be right',
    async (t) => {
      const machine = unit({ vm_image: 'http://example/disk.qcow2', vm_image_format: 'qcow2' })
      const file = join(engines.dir, 'machine.tgo')
      await writeFile(file, await tango('machine', { virtual_deployment_units: [machine] }))
      const verdict =
        /vnfd\.yml:\d+:\d+: vm_image_format is the text "qcow2"; sond runs Docker images, so "docker" is right/
      const validated = await sond.sonctl('validate', file)
      t.equal(validated.code, 1)
      t.match(validated.stdout + validated.stderr, verdict)
      await sond.drop('machine.tgo', await readFile(file))
      const report = await until('the file to be judged', async () => {
        const { stdout } = await sond.sonctl('describe', 'file', 'machine.tgo')
        return stdout.includes('qcow2') && stdout
      })
      t.match(report, /so "docker" is right/)
      t.match(await post('/packages', '-F', `package=@${file}`), { service_uuid: null, error: /machine\.tgo/ })
    },
  )
})
