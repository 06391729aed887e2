import { isFile, type Node, type OptionWord } from './command-tree';
import { type Program } from './shell';

/** A completion script for fish. */
export function fishCompletion(nodes: readonly Node[], { name, command }: Program): string {
  const globals = nodes[0]?.options ?? [];
  const paths = nodes.flatMap(({ path }) => (path === '' ? [] : [fishQuoted(path)]));
  return `# Completion of ${name} for fish: npm run -s ctl -- completion fish | source
function ${name}; ${command} $argv; end
function __${name}_path_is
  set -l path
  for word in (commandline -opc)[2..-1]
    set -l candidate (string join -- ' ' $path $word)
    contains -- "$candidate" ${paths.join(' ')}; and set path $candidate
  end
  test "$path" = "$argv[1]"
end
complete -c ${name} -f
${globals.map((option) => optionLine(name, option)).join('\n')}
${nodes.flatMap((node) => nodeLines(name, node)).join('\n')}
`;
}

function nodeLines(name: string, { path, commands, options, arguments: operands }: Node): readonly string[] {
  const when = `-n ${fishQuoted(`__${name}_path_is ${fishQuoted(path)}`)}`;
  return [
    ...commands.map(
      (command) => `complete -c ${name} ${when} -a ${command.name} -d ${fishQuoted(command.description)}`,
    ),
    ...operands.flatMap(({ choices, description }) =>
      choices.map((choice) => `complete -c ${name} ${when} -a ${choice} -d ${fishQuoted(description)}`),
    ),
    // Those of the program stand once, without a condition.
    ...(path === '' ? [] : options.map((option) => optionLine(name, option, when))),
  ];
}

function optionLine(name: string, option: OptionWord, when?: string): string {
  const { flag, description, value, choices } = option;
  const values = isFile(option)
    ? ['-r', '-F']
    : value === undefined
      ? []
      : ['-x', ...(choices.length === 0 ? [] : [`-a ${fishQuoted(choices.join(' '))}`])];
  return [
    'complete',
    '-c',
    name,
    ...(when === undefined ? [] : [when]),
    '-l',
    flag.slice(2),
    ...values,
    '-d',
    fishQuoted(description),
  ].join(' ');
}

/** A text in single quotes, as fish reads it. */
function fishQuoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
