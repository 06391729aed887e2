import { runService } from '@orderstream/service';
import { batchLoaderDefinition } from './batch-loader.definition';
import { runBlock } from './commands/block-command';
import { runCommand } from './commands/run-command';
import { runDbt } from './daily/dbt-command';
import { runDaily } from './daily/daily-command';

/** With `serve`, the service; else a command of the terminal: the daily run, dbt, a block of a run, or runs. */
function main(args: readonly string[]): void {
  if (args[0] === 'serve') {
    void runService(batchLoaderDefinition());
    return;
  }
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stop.abort(new Error(`stopped by ${signal}`));
    });
  }
  void commandOf(args, stop.signal).then((exitCode) => {
    process.exitCode = exitCode;
  });
}

/** @returns the exit code */
function commandOf(args: readonly string[], signal: AbortSignal): Promise<number> {
  const [first, ...rest] = args;
  switch (first) {
    case 'daily':
      return runDaily(rest, process.stderr, signal);
    case 'dbt':
      return runDbt(rest, process.stdout, signal);
    case 'block':
      return runBlock(rest, process.stderr, process.stdout, signal);
    default:
      return runCommand(args, process.stderr, signal);
  }
}

main(process.argv.slice(2));
