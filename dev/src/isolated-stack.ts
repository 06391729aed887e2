import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { loadSettings } from '@orderstream/config';
import { devSettings } from './dev.config';
import { LockedError } from './errors';
import { prepareToolbox } from './install/prepare-toolbox';
import { repositoryRoot, stackPaths, type StackPaths } from './paths';
import { type ComponentEnv, componentEnv } from './process/component-env';
import { lockHome } from './process/home-lock';
import { stopOrphans } from './process/orphans';
import { PortFinder } from './process/ports';
import { createProgress, type Progress } from './progress';
import { type Component } from './stack/component';
import { ANY_PORTS, defineInfrastructure, type Endpoints, INFRASTRUCTURE_STOP_ORDER } from './stack/infrastructure';
import { PIPELINE, GENERATOR } from './stack/services';
import { Supervisor } from './stack/supervisor';

const ORPHAN_GRACE_MS = 5_000;
const STOP_ORDER = [GENERATOR, ...PIPELINE, ...INFRASTRUCTURE_STOP_ORDER];

/** What a stack in a folder of its own can start, on free ports. */
export interface IsolatedStack {
  readonly paths: StackPaths;
  readonly env: ComponentEnv;
  readonly ports: PortFinder;
  /** The broker and the emulators. */
  readonly infrastructure: readonly Component[];
  readonly endpoints: Endpoints;
  readonly supervisor: Supervisor;
  readonly progress: Progress;
}

/**
 * Starts components in a folder of their own. If the start fails, whatever was started is stopped.
 *
 * @returns what `start` returns, and `stop`, which stops all processes and deletes their data
 */
export async function startIsolated<T extends object>(
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
  start: (stack: IsolatedStack) => Promise<T>,
): Promise<T & { stop(): Promise<void> }> {
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
    await supervisor.stop(STOP_ORDER);
    unlock();
    rmSync(paths.home, { recursive: true, force: true });
  };
  try {
    const toolbox = await prepareToolbox({ paths, settings, env, progress, signal });
    const ports = new PortFinder();
    const own = componentEnv(env, paths);
    const { components, endpoints } = await defineInfrastructure({
      paths,
      toolbox,
      env: own,
      ports,
      preferred: ANY_PORTS,
      pubsubHeapMb: settings.pubsubHeapMb,
    });
    const stack = { paths, env: own, ports, infrastructure: components, endpoints, supervisor, progress };
    return { ...(await start(stack)), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Stops the processes of killed runs and removes their folders. Folders of runs that go on stay. */
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
    await stopOrphans(paths.run, STOP_ORDER, ORPHAN_GRACE_MS);
    rmSync(paths.home, { recursive: true, force: true });
  }
}
