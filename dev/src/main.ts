import { mkdirSync } from 'node:fs';
import { loadSettings } from '@orderstream/config';
import { devSettings } from './dev.config';
import { EXIT, exitCodeOf } from './errors';
import { repositoryRoot, stackPaths } from './paths';
import { lockHome } from './process/home-lock';
import { createProgress } from './progress';
import { parseCommandLine } from './run/cli';
import { runStart } from './run/run-start';
import { LocalStack, type LocalStackContext } from './stack/local-stack';

/** `npm start`. */
async function main(): Promise<number> {
  const command = parseCommandLine(process.argv.slice(2));
  if (command.kind === 'help') {
    process.stdout.write(command.text);
    return EXIT.ok;
  }
  const settings = loadSettings(devSettings, process.env);
  const paths = stackPaths(repositoryRoot(), settings.home);
  mkdirSync(paths.home, { recursive: true });
  const progress = createProgress(process.stderr);
  const unlock = lockHome(paths.lock);

  const stopping = new AbortController();
  let stack: LocalStack | undefined;
  let signalCode: number | undefined;
  const onSignal = (code: number) => () => {
    if (signalCode !== undefined) {
      progress.line('Killing all processes.');
      stack?.kill();
      unlock();
      process.exit(signalCode);
    }
    signalCode = code;
    stopping.abort(new Error('the start was interrupted by a signal'));
  };
  process.on('SIGINT', onSignal(EXIT.interrupted));
  process.on('SIGTERM', onSignal(EXIT.terminated));
  process.on('SIGHUP', onSignal(EXIT.terminated));
  for (const stream of [process.stdout, process.stderr]) {
    // Nobody reads the output any more: each further line fails as well.
    stream.on('error', () => {
      if (signalCode === undefined) onSignal(EXIT.terminated)();
    });
  }

  try {
    await LocalStack.stopOrphans(paths, progress);
    if (command.options.reset) LocalStack.reset(paths);
    const context: LocalStackContext = {
      paths,
      settings,
      env: process.env,
      progress,
      signal: stopping.signal,
      anyPorts: settings.anyPorts,
      onStarting: (starting) => {
        stack = starting;
      },
    };
    const code = await runStart(command.options, context, process.stdout);
    return signalCode ?? code;
  } catch (error) {
    if (signalCode !== undefined) return signalCode;
    throw error;
  } finally {
    unlock();
  }
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodeOf(error);
  },
);
