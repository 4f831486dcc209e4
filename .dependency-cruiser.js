// The layers of src/ as rules. A room stands only on rooms further down ROOMS, and on model.
// `npm run check` runs them; CONTRIBUTING.md explains them.

const ROOMS = [
  ['daemon'],
  ['cli'],
  ['api'],
  ['reconcile'],
  ['watch'],
  ['observe', 'apply'],
  ['status'],
  ['store'],
  ['parse'],
  ['desired'],
  ['plan'],
  ['engine'],
  ['model'],
]

const COMPOSITION_ROOT = '^src/(main\\.ts$|main/)'
const STATUS_STORE = '^src/status/store' // the one impure corner of a pure room
const IO_MODULES =
  '^(node:)?(fs|fs/promises|net|tls|http|https|http2|dgram|dns|child_process|worker_threads|cluster|os|process|timers|timers/promises)$'

const upward = ROOMS.flatMap((names, level) =>
  names.map((name) => {
    const above = ROOMS.slice(0, level + 1)
      .flat()
      .filter((other) => other !== name)
    return {
      name: `${name}-stands-on-lower-rooms`,
      comment: 'A room imports only rooms further down the list, and model.',
      severity: 'error',
      from: { path: `^src/${name}/` },
      to: { path: [`^src/(${above.join('|')})/`, COMPOSITION_ROOT] },
    }
  }),
)

/** Only `rooms` (regular expression) may import the packages named. */
const packageBelongsTo = (packages, rooms) => ({
  name: `${packages}-only-in-its-room`,
  comment: `Only ${rooms} may use ${packages}.`,
  severity: 'error',
  from: { path: '^src/', pathNot: [COMPOSITION_ROOT, `^src/(${rooms})/`] },
  to: { path: `node_modules/(${packages})/` },
})

export default {
  forbidden: [
    ...upward,
    {
      name: 'no-cycles',
      severity: 'error',
      from: { path: '^(src|test|bench|chaos|fuzz|deploy)/' },
      to: { circular: true },
    },
    {
      name: 'cli-goes-through-the-api',
      comment: 'sonctl talks to the daemon: it neither reconciles nor touches engines.',
      severity: 'error',
      from: { path: '^src/cli/' },
      to: { path: '^src/(reconcile|engine|observe|apply)/' },
    },
    {
      name: 'api-does-not-call-engines',
      severity: 'error',
      from: { path: '^src/api/' },
      to: { path: '^src/engine/' },
    },
    {
      name: 'adapters-only-in-the-composition-root',
      comment: 'Everyone else takes the interfaces of src/engine/ports.ts as arguments.',
      severity: 'error',
      from: { path: '^src/', pathNot: [COMPOSITION_ROOT, '^src/engine/([^/]+)/'] },
      to: { path: '^src/engine/[^/]+/' },
    },
    {
      name: 'adapters-do-not-know-each-other',
      severity: 'error',
      from: { path: '^src/engine/([^/]+)/' },
      to: { path: '^src/engine/[^/]+/', pathNot: '^src/engine/$1/' },
    },
    {
      name: 'pure-rooms-know-no-engines',
      comment: 'Desired, plan, parse and status get facts; the ports are for observe and apply.',
      severity: 'error',
      from: { path: '^src/(parse|desired|plan|status)/', pathNot: STATUS_STORE },
      to: { path: '^src/engine/' },
    },
    {
      name: 'pure-rooms-do-no-io',
      severity: 'error',
      from: { path: '^src/(model|parse|desired|plan|status)/', pathNot: STATUS_STORE },
      to: { path: IO_MODULES },
    },
    {
      name: 'model-imports-nothing',
      severity: 'error',
      from: { path: '^src/model/' },
      to: { pathNot: '^src/model/' },
    },
    packageBelongsTo('dockerode', 'engine'),
    packageBelongsTo('chokidar', 'watch'),
    packageBelongsTo('fastify|@fastify/[^/]+|prom-client', 'api'),
    packageBelongsTo('commander', 'cli'),
    {
      name: 'processes-only-at-the-edges',
      comment: 'Programs of the host are started by adapters, the composition root and sonctl.',
      severity: 'error',
      from: { path: '^src/', pathNot: [COMPOSITION_ROOT, '^src/(engine|cli)/'] },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'programs-of-engines-can-be-ended',
      comment:
        'An engine runs programs by src/engine/process.ts and src/engine/launcher.ts, which a signal and a time-out end.',
      severity: 'error',
      from: { path: '^src/engine/', pathNot: '^src/engine/((process|launcher)|embedded/(supervisor|uplink))\\.ts$' },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'src-runs-without-tests-and-dev-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: ['^(test|bench|chaos|fuzz|deploy|manifests)/'] },
    },
    {
      name: 'src-imports-declared-dependencies',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'imports-resolve',
      severity: 'error',
      from: { path: '^(src|test|bench|chaos|fuzz|deploy)/' },
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.tap)/' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true, // a type imported from above is a dependency too
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'types', 'default'] },
  },
}
