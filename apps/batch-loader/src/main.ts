import { runService } from '@orderstream/service';
import { batchLoaderDefinition } from './batch-loader.definition';
import { runCommand } from './commands/run-command';

/** With `serve`, the service; else a command of the terminal. */
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
  void runCommand(args, process.stderr, stop.signal).then((exitCode) => {
    process.exitCode = exitCode;
  });
}

main(process.argv.slice(2));
