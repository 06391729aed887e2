import { runService } from '@orderstream/service';
import { batchLoaderDefinition } from './batch-loader.definition';
import { runBlock } from './commands/block-command';
import { runCommand } from './commands/run-command';
import { runDaily } from './daily/daily-command';

/** With `serve`, the service; else a command of the terminal: the daily run, a block of a run, or runs. */
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
  const [first, ...rest] = args;
  const command =
    first === 'daily'
      ? runDaily(rest, process.stderr, stop.signal)
      : first === 'block'
        ? runBlock(rest, process.stderr, process.stdout, stop.signal)
        : runCommand(args, process.stderr, stop.signal);
  void command.then((exitCode) => {
    process.exitCode = exitCode;
  });
}

main(process.argv.slice(2));
