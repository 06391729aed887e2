import { loadSettings } from '@orderstream/config';
import { devSettings } from './dev.config';
import { exitCodeOf } from './errors';
import { prepareSchemathesis } from './install/prepare-schemathesis';
import { repositoryRoot, stackPaths } from './paths';
import { StopSignals } from './process/stop-signals';
import { createProgress } from './progress';

/** Installs schemathesis if it is missing, and prints the path of the program: before `npm run test:api`. */
const stopping = new StopSignals();
prepareSchemathesis({
  paths: stackPaths(repositoryRoot()),
  settings: loadSettings(devSettings, process.env),
  env: process.env,
  progress: createProgress(process.stderr),
  signal: stopping.signal,
}).then(
  (program) => {
    process.stdout.write(`${program}\n`);
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = stopping.exitCode ?? exitCodeOf(error);
  },
);
