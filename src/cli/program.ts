import { Command, Option } from 'commander'
import { apply } from './commands/apply.ts'
import { completion } from './commands/completion.ts'
import { deleteObjects } from './commands/delete.ts'
import { describe } from './commands/describe.ts'
import { diffFiles, diffInstances } from './commands/diff.ts'
import { events } from './commands/events.ts'
import { exec } from './commands/exec.ts'
import { get } from './commands/get.ts'
import { logs } from './commands/logs.ts'
import { makePackage } from './commands/package.ts'
import { prune } from './commands/prune.ts'
import { schema } from './commands/schema.ts'
import { status } from './commands/status.ts'
import { suspend } from './commands/suspend.ts'
import { validate } from './commands/validate.ts'
import { version } from './commands/version.ts'
import { parseGoal, wait } from './commands/wait.ts'
import { connect, type ConnectOptions } from './connect.ts'
import type { CliContext } from './context.ts'
import { parseTimeout } from './duration.ts'
import { usageError, type ExitCode } from './errors.ts'
import { outputFormats, type OutputFormat } from './format/output.ts'
import type { Io } from './io.ts'
import type { LocalTools } from './local.ts'
import { defaultServer } from './server-address.ts'

export interface ProgramOptions {
  readonly io: Io
  readonly version: string
  readonly tools: LocalTools
  /** Told how a command ended. */
  readonly ended: (code: ExitCode) => void
}

const objectWords = '[words...]'
const timeoutFlag = ['--timeout <duration>', 'how long to wait: 60s, 2m, 500ms', '60s'] as const

const outputOption = (): Option =>
  new Option('-o, --output <format>', 'how to print').choices(outputFormats).default('table')

const selectionOptions = (command: Command): Command =>
  command
    .option('--copy <number>', 'copy of the service')
    .option('--replica <number>', 'replica of the function')
    .option('--vdu <id>', 'deployment unit, of functions with several')

/** All commands of sonctl. Parsing throws commander's errors for wrong usage; commands throw `CliError`. */
export const createProgram = ({ io, version: own, tools, ended }: ProgramOptions): Command => {
  const program = new Command('sonctl')
    .description('Looks at and changes the network services that sond keeps running.')
    .option('-s, --server <address>', `unix:/PATH or http://HOST:PORT (SOND_SERVER; default ${defaultServer})`)
    .option('--token-file <file>', 'file with the bearer token, for TCP (SOND_TOKEN_FILE)')
    .version(own, '-V, --version', 'version of sonctl')
    .enablePositionalOptions()
    .configureOutput({ writeOut: io.out, writeErr: io.err, outputError: (text, write) => write(text) })
    .exitOverride()
    .addHelpText('after', '\nKinds: instance (si), datacenter (dc), link, package (pkg), file.')

  const context: CliContext = { io, client: () => connect(program.opts<ConnectOptions>(), io) }
  const run = async (code: Promise<ExitCode>): Promise<void> => ended(await code)
  const command = (usage: string, description: string): Command => program.command(usage).description(description)

  command(`get ${objectWords}`, 'list objects: get [KIND] [NAME...], get KIND/NAME...')
    .addOption(outputOption())
    .option('-l, --selector <labels>', 'only objects with these labels: team=a,tier=edge')
    .action((words: string[], options: { output: OutputFormat; selector?: string }) =>
      run(get(context, words, options)),
    )

  command(`describe ${objectWords}`, 'everything about objects, with their events').action((words: string[]) =>
    run(describe(context, words)),
  )

  command('wait <words...>', 'wait for objects: wait instance/NAME --for=condition=Ready')
    .option('--for <goal>', 'condition=TYPE[=STATUS], create or delete', 'condition=Ready')
    .option(...timeoutFlag)
    .action((words: string[], options: { for: string; timeout: string }) =>
      run(wait(context, words, { goal: parseGoal(options.for), timeoutMs: parseTimeout(options.timeout) })),
    )

  command('diff [instances...]', 'what the daemon would do: 0 nothing, 1 something, 2 error')
    .option('-f, --filename <files...>', 'manifests that are not applied yet')
    .action((names: string[], { filename }: { filename?: string[] }) => {
      if (filename === undefined) return run(diffInstances(context, names))
      if (names.length > 0) throw usageError('name instances or files, not both')
      return run(diffFiles(context, filename))
    })

  command('validate <files...>', 'check manifests and packages; needs no daemon')
    .option('--strict', 'notices are errors', false)
    .action((files: string[], options: { strict: boolean }) => run(validate(context, files, options, tools)))

  command('apply', 'write manifests into the watched directory, upload packages')
    .requiredOption('-f, --filename <files...>', 'files, directories, - for standard input')
    .option('--dry-run', 'only tell what would be done', false)
    .option('--wait', 'wait until the instances are ready', false)
    .option(...timeoutFlag)
    .action((options: { filename: string[]; dryRun: boolean; wait: boolean; timeout: string }) =>
      run(apply(context, { ...options, files: options.filename, timeoutMs: parseTimeout(options.timeout) })),
    )

  command(`delete ${objectWords}`, 'remove objects: delete KIND NAME..., delete -f FILE')
    .option('-f, --filename <files...>', 'what these files define')
    .option('--wait', 'wait until they are gone', false)
    .option('--ignore-not-found', 'what is gone already is fine', false)
    .option(...timeoutFlag)
    .action(
      (words: string[], options: { filename?: string[]; wait: boolean; ignoreNotFound: boolean; timeout: string }) => {
        const { filename: files = [], timeout } = options
        return run(deleteObjects(context, words, { ...options, files, timeoutMs: parseTimeout(timeout) }))
      },
    )

  command('events', 'what has happened')
    .option('-w, --watch', 'go on with what happens', false)
    .option('--for <object>', 'only of this object: instance/NAME')
    .addOption(outputOption())
    .action((options: { watch: boolean; for?: string; output: OutputFormat }) =>
      run(events(context, { watch: options.watch, output: options.output, about: options.for })),
    )

  selectionOptions(command('logs <instance> [vnf]', 'output of functions and of their scripts'))
    .option('-f, --follow', 'go on with what comes', false)
    .option('--tail <lines>', 'only the last lines')
    .addOption(new Option('--script <name>', 'output of a script instead').choices(['start', 'stop']))
    .option('--prefix', 'say on each line whose it is', false)
    .action((instance: string, vnf: string | undefined, options: Parameters<typeof logs>[3]) =>
      run(logs(context, instance, vnf, options)),
    )

  selectionOptions(
    command('exec <instance> <vnf> [command...]', 'run a command in a function: exec demo fw -- ip address'),
  ).action((instance: string, vnf: string, words: string[], options: Parameters<typeof exec>[4]) =>
    run(exec(context, instance, vnf, words, options)),
  )

  command('package <directory>', 'make a .son package of a directory; needs no daemon')
    .option('-o, --output <file>', 'where to write it')
    .action((directory: string, { output }: { output?: string }) => run(makePackage(context, directory, output, tools)))

  command('schema [kind]', 'JSON Schema of manifests, for editors; needs no daemon').action(
    (kind: string | undefined) => run(schema(context, kind, tools)),
  )

  command('prune', 'deletions that are held back because they are too many at once')
    .option('--confirm', 'let them happen', false)
    .action(({ confirm }: { confirm: boolean }) => run(prune(context, confirm)))

  for (const verb of ['suspend', 'resume'] as const) {
    const does = verb === 'suspend' ? 'leave instances as they are, touch nothing' : 'look after instances again'
    command(`${verb} <instances...>`, does).action((names: string[]) => run(suspend(context, names, verb)))
  }

  command('status', 'whether the daemon is ready').action(() => run(status(context)))
  command('version', 'versions of sonctl and of the daemon')
    .addOption(outputOption())
    .action(({ output }: { output: OutputFormat }) => run(version(context, own, output)))
  command('completion <shell>', 'completion script: source <(sonctl completion bash)').action((shell: string) =>
    run(completion(context, shell, program)),
  )
  return program
}
