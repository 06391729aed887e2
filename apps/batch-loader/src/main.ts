import { runService } from '@orderstream/service';
import { batchLoaderSettings } from './batch-loader.config';
import { BatchLoaderModule } from './batch-loader.module';
import { runCommand } from './commands/run-command';
import { BatchService } from './control/batch-service';

/** With `serve`, the service; else a command of the terminal. */
function main(args: readonly string[]): void {
  if (args[0] === 'serve') {
    void runService({
      name: 'batch-loader',
      settings: batchLoaderSettings,
      module: () => BatchLoaderModule,
      dependencies: (app) => app.get(BatchService).dependencies(),
      prepare: (app) => app.get(BatchService).prepare(),
    });
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
