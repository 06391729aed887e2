import { isFile, type Node, optionsAfter, type OptionWord } from './command-tree';
import { quoted, type Program } from './shell';

/** A completion script for zsh, with descriptions. */
export function zshCompletion(nodes: readonly Node[], { name, command }: Program): string {
  const globals = nodes[0]?.options ?? [];
  const options = nodes.flatMap((node) => node.options).filter(({ value }) => value !== undefined);
  const unique = [...new Map(options.map((option) => [option.flag, option])).values()];
  return `# Completion of ${name} for zsh: eval "$(npm run -s ctl -- completion zsh)" after compinit
${name}() { ${command} "$@" }
_${name}() {
  local at="" word candidate i
  local -a entries
  case "\${words[CURRENT-1]}" in
${unique.map(optionCase).join('\n')}
  esac
  for ((i = 2; i < CURRENT; i++)); do
    candidate="\${at:+$at }\${words[i]}"
    case "$candidate" in
      ${nodes
        .flatMap(({ path }) => (path === '' ? [] : [`(${path.replaceAll(' ', '\\ ')})`]))
        .join('|')
        .replaceAll(')|(', '|')}) at="$candidate" ;;
    esac
  done
  case "$at" in
${nodes.map((node) => nodeCase(node, globals)).join('\n')}
  esac
  _describe '${name}' entries
}
compdef _${name} ${name}
`;
}

function optionCase(option: OptionWord): string {
  const action = isFile(option)
    ? '_files'
    : option.choices.length === 0
      ? '_message value'
      : `compadd -- ${option.choices.join(' ')}`;
  return `    ${option.flag}) ${action}; return ;;`;
}

function nodeCase(node: Node, globals: readonly OptionWord[]): string {
  const entries = [
    ...node.commands.map(({ name, description }) => [name, description]),
    ...node.arguments.flatMap(({ choices, description }) => choices.map((choice) => [choice, description])),
    ...optionsAfter(node, globals).map(({ flag, description }) => [flag, description]),
  ].map(([word = '', description = '']) => quoted(`${word.replaceAll(':', '\\:')}:${description}`));
  return `    ${quoted(node.path)}) entries=(${entries.join(' ')}) ;;`;
}
