import { loadSettings } from '@orderstream/config';
import { latestDeadLetters } from '@orderstream/dead-letters';
import { createKafka } from '@orderstream/kafka';
import { escaped } from '@orderstream/terminal';
import { devSettings } from './dev.config';
import { EXIT, exitCodeOf } from './errors';
import { repositoryRoot, stackPaths } from './paths';
import { parseDeadLetterLimit } from './run/cli';
import { deadLetterTable } from './run/dead-letter-lines';
import { readStackFile } from './stack/stack-file';

/** `npm run dead-letters`: prints the latest dead letters of the running stack with their reasons. */
async function printDeadLetters(): Promise<void> {
  const limit = parseDeadLetterLimit(process.argv.slice(2));
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
