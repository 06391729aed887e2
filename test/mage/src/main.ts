import { cpSync } from 'node:fs';
import { join } from 'node:path';
import {
  createProgress,
  EXIT,
  exitCodeOf,
  type MageStack,
  repositoryRoot,
  startMageStack,
  StopSignals,
} from '../../../dev/src';
import { MageServer } from './mage-server';
import { type LoaderFiles, Scenario } from './scenario';

const USAGE = `Runs the pipelines of deploy/mage with Mage from PyPI, a broker, the BigQuery emulator and the generator:
  npm run test:mage     exits with 0 when tables and topic hold what they must
`;

/** `npm run test:mage` */
async function main(args: readonly string[]): Promise<number> {
  if (args.length > 0) {
    process.stderr.write(USAGE);
    return EXIT.usage;
  }
  const stop = new StopSignals();
  const progress = createProgress(process.stderr);
  const stack = await startMageStack(process.env, stop.signal);
  const repository = repositoryRoot();
  const files: LoaderFiles = { failures: join(stack.home, 'failures.json'), starts: join(stack.home, 'starts.ndjson') };
  // Mage writes into its project.
  const project = join(stack.home, 'mage');
  cpSync(join(repository, 'deploy', 'mage'), project, { recursive: true });
  const log = join(repository, '.local', 'mage.log');
  const server = new MageServer({
    python: stack.python,
    project,
    port: stack.freePort,
    env: environment(stack, repository, files),
    log,
    signal: stop.signal,
  });
  try {
    await progress.step('Mage', () => server.start());
    await new Scenario(stack, server, files, progress).run();
    progress.line('Both pipelines have done what they must.');
    return EXIT.ok;
  } catch (error) {
    if (stop.exitCode === undefined) progress.line(`The log of Mage: ${log}`);
    throw error;
  } finally {
    await server.kill();
    await stack.stop();
  }
}

function environment(stack: MageStack, repository: string, files: LoaderFiles): NodeJS.ProcessEnv {
  const { bigquery, generator, home } = stack;
  return {
    ...process.env,
    HOME: home,
    MAGE_DATA_DIR: join(home, 'mage-data'),
    DISABLE_AUTO_BROWSER_OPEN: '1',
    // It listens on loopback, and holds nothing but this test.
    REQUIRE_USER_AUTHENTICATION: '0',
    SCHEDULER_TRIGGER_INTERVAL: '2',
    PYTHONDONTWRITEBYTECODE: '1',
    NO_PROXY: '127.0.0.1,localhost',
    ORDERSTREAM_BATCH_LOADER: `${process.execPath} ${join(repository, 'test/mage/flaky-batch-loader.cjs')}`,
    ORDERSTREAM_GENERATOR_URL: generator.url,
    ORDERSTREAM_GENERATOR_TOKEN: generator.token,
    FAILURES: files.failures,
    STARTS: files.starts,
    BIGQUERY_PROJECT: bigquery.projectId,
    BIGQUERY_DATASET: bigquery.dataset,
    BIGQUERY_API_ENDPOINT: bigquery.apiEndpoint,
    BIGQUERY_GRPC_ENDPOINT: bigquery.grpcEndpoint,
    BATCH_STORE: join(home, 'batch'),
    BATCH_SCRATCH_DIR: join(home, 'batch-scratch'),
    BATCH_LEASE_SECONDS: '6',
    METADATA_SERVER_DETECTION: 'none',
  };
}

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = exitCodeOf(error);
  },
);
