import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { EXIT, exitCodeOf, startTestStack, StopSignals } from '../../dev/src';

const USAGE = `Starts a broker and emulators on free ports and without data, runs a command, and stops them:
  node dist/tools/src/with-stack.js -- <command> [arguments]
The command gets their addresses in TEST_KAFKA_BROKERS, TEST_BIGQUERY_API_ENDPOINT, TEST_BIGQUERY_GRPC_ENDPOINT,
TEST_BIGQUERY_PROJECT and TEST_PUBSUB_EMULATOR_HOST. Exits with the exit code of the command.
`;

/** Starts the stack, runs the command and stops the stack. A signal stops both. */
async function runWithStack(command: string, args: readonly string[]): Promise<number> {
  const stop = new StopSignals();
  try {
    const stack = await startTestStack(process.env, stop.signal);
    try {
      const code = await run(command, args, { ...process.env, ...stack.env }, stop.signal);
      return stop.exitCode ?? code;
    } finally {
      await stack.stop();
    }
  } catch (error) {
    if (stop.exitCode !== undefined) return stop.exitCode;
    throw error;
  }
}

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { env, stdio: 'inherit' });
    signal.addEventListener('abort', () => child.kill('SIGTERM'));
    child.once('error', reject);
    child.once('exit', (code, ended) => {
      resolve(ended === null ? (code ?? EXIT.notAccountedFor) : 128 + constants.signals[ended]);
    });
  });
}

const separator = process.argv.indexOf('--');
const [command, ...args] = process.argv.slice(separator === -1 ? 2 : separator + 1);
if (command === undefined) {
  process.stderr.write(USAGE);
  process.exitCode = EXIT.usage;
} else {
  runWithStack(command, args).then(
    (code) => {
      process.exitCode = code;
    },
    (error: unknown) => {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = exitCodeOf(error);
    },
  );
}
