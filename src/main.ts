import { readFile } from 'node:fs/promises'
import { Command } from 'commander'
import { runDaemon } from './main/daemon.ts'
import { createLog } from './main/log.ts'
import { mergeOptions, OptionsError, runCommand } from './main/options.ts'
import { LockedError } from './store/lock.ts'

/** The daemon's command line: `sond run`. */

const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string
} // our own file

const run = runCommand().action(async (flags: Parameters<typeof mergeOptions>[0]) => {
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

await new Command('sond')
  .description('keeps network services running as their manifests say')
  .version(version)
  .addCommand(run, { isDefault: true })
  .parseAsync()
