import { runService } from '@orderstream/service';
import { batchLoaderSettings } from './batch-loader.config';
import { BatchLoaderModule } from './batch-loader.module';
import { runBlock } from './commands/block-command';
import { runCommand } from './commands/run-command';
import { BatchService } from './control/batch-service';
import { runDaily } from './daily/daily-command';
import { DailySchedule } from './daily/daily-schedule';

/** With `serve`, the service; else a command of the terminal: the daily run, a block of a run, or runs. */
function main(args: readonly string[]): void {
  if (args[0] === 'serve') {
    void runService({
      name: 'batch-loader',
      settings: batchLoaderSettings,
      module: () => BatchLoaderModule,
      dependencies: (app) => app.get(BatchService).dependencies(),
      prepare: async (app) => {
        await app.get(BatchService).prepare();
        app.get(DailySchedule).start();
      },
    });
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
