import { runCommand } from './commands/run-command';

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    stop.abort(new Error(`stopped by ${signal}`));
  });
}

void runCommand(process.argv.slice(2), process.stderr, stop.signal).then((exitCode) => {
  process.exitCode = exitCode;
});
