import { readFile } from 'node:fs/promises'
import { Command, CommanderError } from 'commander'
import { runDaemon } from './main/daemon.ts'
import { createLog } from './main/log.ts'
import { mergeOptions, OptionsError, runCommand } from './main/options.ts'
import { LockedError } from './store/lock.ts'

/** The daemon's command line: `sond run`. */

// A Unix socket has the mode that this leaves it, from its bind(2) until it gets its own: nobody else may use it in between.
const givenMask = process.umask(0o077)
process.umask(givenMask | 0o002)

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
} // our own file

const run = runCommand()
  .exitOverride()
  .action(async (flags: Parameters<typeof mergeOptions>[0]) => {
    try {
      const options = await mergeOptions(flags)
      const log = createLog({ format: options.logFormat, level: options.logLevel })
      process.exitCode = await runDaemon(options, version, log)
    } catch (error) {
      const known = error instanceof OptionsError || error instanceof LockedError
      process.stderr.write(`sond: ${error instanceof Error ? error.message : String(error)}\n`)
      if (!known && error instanceof Error && flags.logLevel === 'debug') process.stderr.write(`${error.stack ?? ''}\n`)
      process.exitCode = known ? 2 : 1
    }
    // Whatever a library still holds open must not keep an ended daemon.
    process.exit()
  })

try {
  await new Command('sond')
    .description('keeps network services running as their manifests say')
    .version(version)
    .exitOverride()
    .addCommand(run, { isDefault: true })
    .parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  // It has said what is wrong, or what was asked for: the help, the version.
  process.exitCode = error.exitCode === 0 ? 0 : 2
}
