import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadSettings } from '@orderstream/config';
import { devSettings } from './dev.config';
import { LockedError } from './errors';
import { prepareToolbox } from './install/prepare-toolbox';
import { repositoryRoot, stackPaths, type StackPaths } from './paths';
import { componentEnv } from './process/component-env';
import { lockHome } from './process/home-lock';
import { stopOrphans } from './process/orphans';
import { PortFinder } from './process/ports';
import { createProgress } from './progress';
import { ANY_PORTS, defineInfrastructure, INFRASTRUCTURE_STOP_ORDER } from './stack/infrastructure';
import { Supervisor } from './stack/supervisor';

const ORPHAN_GRACE_MS = 5_000;

/** A broker and emulators for tests and measurements, on free ports. */
export interface TestStack {
  /** TEST_KAFKA_BROKERS and the other addresses, for the tests. */
  readonly env: Readonly<Record<string, string>>;
  /** Stops all processes and deletes their data. */
  stop(): Promise<void>;
}

/** Starts a broker and emulators. If the start fails, whatever was started is stopped. */
export async function startTestStack(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<TestStack> {
  const progress = createProgress(process.stderr);
  const settings = loadSettings(devSettings, env);
  const repository = repositoryRoot();
  const local = join(repository, '.local');
  await removeOrphanedStacks(repository, local);
  const paths = stackPaths(repository, join(local, `test-${String(process.pid)}`));
  mkdirSync(paths.home, { recursive: true });
  const unlock = lockHome(paths.lock);
  const supervisor = new Supervisor(paths, progress);
  const stop = async (): Promise<void> => {
    await supervisor.stop(INFRASTRUCTURE_STOP_ORDER);
    unlock();
    rmSync(paths.home, { recursive: true, force: true });
  };
  try {
    const toolbox = await prepareToolbox({ paths, settings, env, progress, signal });
    const ports = new PortFinder();
    const { components, endpoints } = await defineInfrastructure({
      paths,
      toolbox,
      env: componentEnv(env, paths),
      ports,
      preferred: ANY_PORTS,
      pubsubHeapMb: settings.pubsubHeapMb,
    });
    progress.line('Starting a broker and emulators on free ports:');
    await supervisor.start(components, signal);
    return {
      env: {
        TEST_KAFKA_BROKERS: endpoints.kafka,
        TEST_BIGQUERY_API_ENDPOINT: endpoints.bigqueryApi,
        TEST_BIGQUERY_GRPC_ENDPOINT: endpoints.bigqueryGrpc,
        TEST_BIGQUERY_PROJECT: endpoints.project,
        TEST_PUBSUB_EMULATOR_HOST: endpoints.pubsub,
        METADATA_SERVER_DETECTION: 'none',
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Stops the processes of killed test runs and removes their folders. Folders of running test runs stay. */
async function removeOrphanedStacks(repository: string, local: string): Promise<void> {
  mkdirSync(local, { recursive: true });
  for (const entry of readdirSync(local).filter((name) => /^test-\d+$/.test(name))) {
    const paths: StackPaths = stackPaths(repository, join(local, entry));
    try {
      lockHome(paths.lock);
    } catch (error) {
      if (error instanceof LockedError) continue;
      throw error;
    }
    await stopOrphans(paths.run, INFRASTRUCTURE_STOP_ORDER, ORPHAN_GRACE_MS);
    rmSync(paths.home, { recursive: true, force: true });
  }
}
