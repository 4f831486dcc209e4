import type { Command } from 'commander'
import { kindNames } from '../../api/kinds.ts'
import type { CliContext } from '../context.ts'
import { usageError, type ExitCode } from '../errors.ts'

/** A script for bash that completes commands, kinds, and names the daemon knows. */
export const completion = async ({ io }: CliContext, shell: string, program: Command): Promise<ExitCode> => {
  if (shell !== 'bash') throw usageError(`no completion for ${JSON.stringify(shell)}`, 'There is one for bash.')
  const commands = program.commands.map((command) => command.name()).join(' ')
  const kinds = Object.values(kindNames)
    .map(({ singular }) => singular)
    .join(' ')
  io.out(`_sonctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} before=\${COMP_WORDS[COMP_CWORD-1]}
  case $before in
    -f|--filename|-o|--output|--token-file|validate|package)
      COMPREPLY=($(compgen -f -- "$current")); return ;;
    sonctl) COMPREPLY=($(compgen -W "${commands}" -- "$current")); return ;;
    diff|logs|exec|suspend|resume)
      COMPREPLY=($(compgen -W "$(sonctl get instances -o name 2>/dev/null | cut -d/ -f2)" -- "$current")); return ;;
    get|describe|wait|delete)
      COMPREPLY=($(compgen -W "${kinds} $(sonctl get -o name 2>/dev/null)" -- "$current")); return ;;
    ${kinds.replaceAll(' ', '|')})
      COMPREPLY=($(compgen -W "$(sonctl get "$before" -o name 2>/dev/null | cut -d/ -f2-)" -- "$current")); return ;;
  esac
}
complete -F _sonctl sonctl
`)
  return 0
}
