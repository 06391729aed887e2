import { join } from 'node:path';
import { Argument, type Command } from 'commander';
import { bashCompletion } from '../completion/bash';
import { commandTree } from '../completion/command-tree';
import { fishCompletion } from '../completion/fish';
import { quoted } from '../completion/shell';
import { zshCompletion } from '../completion/zsh';
import { type Runtime } from '../session';
import { repositoryRoot } from '../target';

const SCRIPTS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;
type Shell = keyof typeof SCRIPTS;

/** `ctl completion bash|zsh|fish` */
export function addCompletion(program: Command, { session }: Runtime): void {
  program
    .command('completion')
    .description('print a script that defines the command ctl in your shell, with completion')
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(SCRIPTS)))
    .action((shell: Shell) => {
      const main = join(repositoryRoot(), 'dist', 'tools', 'src', 'ctl', 'main.js');
      const script = SCRIPTS[shell](commandTree(program), { name: program.name(), command: `node ${quoted(main)}` });
      // A script for a shell, whatever --json says.
      session().terminal.out.write(script);
    });
}
