import { type Command } from 'commander';

/** What can stand after a path of commands. */
export interface Node {
  /** `replay create`; empty for the program. */
  readonly path: string;
  readonly description: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionWord[];
  readonly arguments: readonly {
    readonly name: string;
    readonly description: string;
    readonly required: boolean;
    readonly choices: readonly string[];
  }[];
}

export interface OptionWord {
  /** `--limit` */
  readonly flag: string;
  readonly description: string;
  /** `<n>`; undefined for one without a value. */
  readonly value: string | undefined;
  readonly choices: readonly string[];
  readonly defaultValue: unknown;
  readonly required: boolean;
}

/** The commands of the program and all below, in the order of the help. */
export function commandTree(program: Command): readonly Node[] {
  return walk(program, '');
}

function walk(command: Command, path: string): readonly Node[] {
  const below = command.commands.map((child) => ({
    child,
    path: path === '' ? child.name() : `${path} ${child.name()}`,
  }));
  return [
    {
      path,
      description: command.description(),
      commands: command.commands.map((child) => ({ name: child.name(), description: child.description() })),
      options: command.options.map((option) => ({
        flag: option.long ?? option.flags,
        description: option.description,
        value: /[<[].*$/.exec(option.flags)?.[0],
        choices: option.argChoices ?? [],
        defaultValue: option.negate ? undefined : (option.defaultValue as unknown),
        required: option.mandatory,
      })),
      arguments: command.registeredArguments.map((argument) => ({
        name: argument.name(),
        description: argument.description,
        required: argument.required,
        choices: argument.argChoices ?? [],
      })),
    },
    ...below.flatMap(({ child, path: childPath }) => walk(child, childPath)),
  ];
}

/** The words that can stand after a path: subcommands, choices of its arguments, its options and those of every command. */
export function wordsAfter(node: Node, globals: readonly OptionWord[]): readonly string[] {
  return [
    ...node.commands.map(({ name }) => name),
    ...node.arguments.flatMap(({ choices }) => choices),
    ...optionsAfter(node, globals).map(({ flag }) => flag),
  ];
}

export function optionsAfter(node: Node, globals: readonly OptionWord[]): readonly OptionWord[] {
  return [...new Set([...node.options, ...globals])];
}

/** Whether the value of an option is a path. */
export const isFile = ({ value }: OptionWord): boolean => value === '<path>' || value === '<file>';
