import { loadSettings } from '@orderstream/config';
import { latestDeadLetters } from '@orderstream/dead-letters';
import { createKafka } from '@orderstream/kafka';
import { devSettings } from './dev.config';
import { EXIT, exitCodeOf, UsageError } from './errors';
import { repositoryRoot, stackPaths } from './paths';
import { deadLetterTable } from './run/dead-letter-lines';
import { escaped } from './run/format-table';
import { readStackFile } from './stack/stack-file';

const USAGE = 'npm run -s dead-letters [-- <number of dead letters, 20 by default>]';
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 1_000;

/** `npm run dead-letters`: prints the latest dead letters of the running stack with their reasons. */
async function printDeadLetters(): Promise<void> {
  const limit = Number(process.argv[2] ?? DEFAULT_LIMIT);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) {
    throw new UsageError(`The number of dead letters must be an integer from 1 to ${String(MAX_LIMIT)}: ${USAGE}`);
  }
  const paths = stackPaths(repositoryRoot(), loadSettings(devSettings, process.env).home);
  const { kafka } = readStackFile(paths.stackFile);
  const client = createKafka({ brokers: kafka.brokers, clientId: 'orderstream-dead-letters' });
  process.stdout.write(`${deadLetterTable(await latestDeadLetters(client, { limit }))}\n`);
}

printDeadLetters().then(
  () => {
    process.exitCode = EXIT.ok;
  },
  (error: unknown) => {
    process.stderr.write(`${escaped(error instanceof Error ? error.message : String(error), true)}\n`);
    process.exitCode = exitCodeOf(error);
  },
);
