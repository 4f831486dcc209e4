/** Where the gate's directory is mounted in every container. */
export const gateMount = '/.sond'

/** The static busybox in it. */
export const gateBusybox = `${gateMount}/busybox`

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

/** A name that a shell keeps; entries with other names, such as `discovery.type`, are lost when a shell starts a program. */
const shellName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** Names that a shell sets by itself. */
const ownNames: readonly string[] = ['PWD', 'OLDPWD', 'SHLVL']

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`

const nameOf = (entry: string): string => entry.slice(0, entry.indexOf('='))

/**
 * The gate as a shell script. Its arguments are the program and the program's arguments.
 *
 * - It blocks in open(2), not in a loop; a writer that vanishes without a line makes it wait again.
 * - Process 1 ignores signals it has no handler for, so those that stop containers get one while it waits (37 = SIGRTMIN+3).
 * - The program is looked for on the container's PATH here: the shell's own search would prefer its applets.
 * - The shell's own additions to the environment are taken back. Entries that it cannot hold are read from what the kernel keeps of its own
 *   start, and given by `env`: as arguments from here on they could be seen by every user of the host for as long as the gate holds.
 */
const script = (environment: readonly string[]): string => {
  const given = environment.map(nameOf)
  const added = ownNames.filter((name) => !given.includes(name))
  const lost = given.filter((name) => !shellName.test(name) || ownNames.includes(name))
  const isLost = lost.map((name) => `${quote(`${name}=`)}*`).join('|')
  return [
    `trap 'exit 143' HUP INT QUIT TERM USR1 USR2 PWR WINCH 37`,
    `[ -p ${gateMount}/gate ] || { echo 'sond: the gate is missing' >&2; exit 125; }`,
    `until read -r _sond_line 2>/dev/null <${gateMount}/gate; do [ -p ${gateMount}/gate ] || exit 125; done`,
    `trap - HUP INT QUIT TERM USR1 USR2 PWR WINCH 37`,
    // An image without a program stays up, as it did under the predecessor, whose first process was a shell.
    `[ $# -gt 0 ] || exec ${gateBusybox} sleep 2147483647`,
    `_sond_program=`,
    `case $1 in`,
    `*/*) _sond_program=$1 ;;`,
    `*) _sond_ifs=$IFS; IFS=:; set -f`,
    `for _sond_dir in \${PATH:-${defaultPath}}; do`,
    `[ -f "\${_sond_dir:-.}/$1" ] && [ -x "\${_sond_dir:-.}/$1" ] && { _sond_program=\${_sond_dir:-.}/$1; break; }`,
    `done; IFS=$_sond_ifs; set +f ;;`,
    `esac`,
    `[ -n "$_sond_program" ] && [ -e "$_sond_program" ] || { echo "sond: the image's program $1 is not in the image" >&2; exit 127; }`,
    `shift`,
    `set -- "$_sond_program" "$@"`,
    ...(lost.length === 0
      ? []
      : [
          `while IFS= read -r -d '' _sond_entry; do case $_sond_entry in ${isLost}) set -- "$_sond_entry" "$@" ;; esac; done </proc/$$/environ`,
          `set -- ${gateBusybox} env "$@"`,
        ]),
    ...(added.length === 0 ? [] : [`unset ${added.join(' ')}`]),
    `exec "$@"`,
  ].join('\n')
}

export interface GateCommand {
  readonly Entrypoint: string[]
  readonly Cmd: string[]
}

/** What the container is created with, so that the image's ENTRYPOINT and CMD run behind the gate. `environment`: all of it, `NAME=value`. */
export const gateCommand = (
  image: { readonly entrypoint: readonly string[]; readonly cmd: readonly string[] },
  environment: readonly string[],
): GateCommand => ({
  Entrypoint: [gateBusybox, 'sh', '-c', script(environment), 'sond'],
  Cmd: [...image.entrypoint, ...image.cmd],
})

/** Is this the command line of a process that still waits? */
export const isGateCommand = (command: readonly string[]): boolean =>
  command[0] === gateBusybox && command[1] === 'sh' && command[2] === '-c' && command[4] === 'sond'

/**
 * Is this the container runtime, not yet turned into the gate? Docker calls a container started when runc has been told to go on,
 * which is some moments before it execs.
 */
export const isRuntimeCommand = (command: readonly string[]): boolean =>
  /^(?:.*\/)?(?:runc|crun|youki)$/.test(command[0] ?? '') &&
  command.some((word) => /^(?:init|create|start)$/.test(word))
