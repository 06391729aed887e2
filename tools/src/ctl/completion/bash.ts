import { isFile, type Node, type OptionWord, wordsAfter } from './command-tree';
import { quoted, type Program } from './shell';

/** A completion script for bash 4 or later. */
export function bashCompletion(nodes: readonly Node[], { name, command }: Program): string {
  const globals = nodes[0]?.options ?? [];
  const withValue = nodes.flatMap(({ options }) => options).filter(({ value }) => value !== undefined);
  const unique = [...new Map(withValue.map((option) => [option.flag, option])).values()];
  return `# Completion of ${name} for bash: eval "$(npm run -s ctl -- completion bash)"
${name}() { ${command} "$@"; }
_${name}_complete() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" path="" word i
  COMPREPLY=()
  case "$previous" in
${unique.map(optionCase).join('\n')}
  esac
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${path:+$path }\${COMP_WORDS[i]}"
    case "$word" in
      ${nodes.flatMap(({ path }) => (path === '' ? [] : [quoted(path)])).join('|')}) path="$word" ;;
    esac
  done
  case "$path" in
${nodes.map((node) => `    ${quoted(node.path)}) mapfile -t COMPREPLY < <(compgen -W ${quoted(wordsAfter(node, globals).join(' '))} -- "$current") ;;`).join('\n')}
  esac
}
complete -F _${name}_complete ${name}
`;
}

function optionCase(option: OptionWord): string {
  const words = isFile(option) ? 'compgen -f' : `compgen -W ${quoted(option.choices.join(' '))}`;
  return `    ${option.flag}) mapfile -t COMPREPLY < <(${words} -- "$current"); return ;;`;
}
